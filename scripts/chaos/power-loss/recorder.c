/*
 * Keeps, beside a directory, a shadow of what of it would survive a power loss. Preloaded into a node:
 *
 *   LD_PRELOAD=recorder.so POWER_LOSS_DIRECTORY=/abs/data POWER_LOSS_SHADOW=/abs/shadow
 *
 * What makes bytes safe is fsync, fdatasync, sync_file_range and O_SYNC or O_DSYNC. The database uses the first two, and Raft's log writes
 * to files that were opened with O_DSYNC; of other writes nothing is safe before a sync. So on a successful sync of a file, or
 * write to such a file, the shadow gets what the file holds at that moment, before the caller hears of it; on power loss the
 * directory becomes what the shadow is (power-loss.ts).
 *
 * Names: a synced file keeps its name (ext4, XFS and btrfs log the creation with it). Renames and removals wait, in order, for
 * the next sync of anything in the directory, as they do in a journal; a file renamed without ever being synced is empty
 * after power loss.
 *
 * A shadow with a file `lying` in its root is a disk that lies: syncs succeed and nothing becomes safe.
 *
 * A recorder that cannot record ends the process: a run must not pass because of it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define INODES_MAX 4096
#define PENDING_MAX 4096
#define CHUNK_BYTES (256 * 1024)

/* How much of a file of this process is in the shadow. Files only grow, except for the small ones that are copied whole. */
struct copied {
  dev_t device;
  ino_t inode;
  off_t bytes;
};

struct change {
  char *from;
  char *to; /* NULL: a removal */
  int is_directory;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char directory[PATH_MAX];
static char shadow[PATH_MAX];
static struct copied known[INODES_MAX];
static int known_count;
static struct change pending[PENDING_MAX];
static int pending_count;

static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);

static void fail(const char *what, const char *path) {
  fprintf(stderr, "power-loss recorder: %s %s: %s\n", what, path, strerror(errno));
  _exit(70);
}

static void start(void) __attribute__((constructor));
static void start(void) {
  const char *from = getenv("POWER_LOSS_DIRECTORY");
  const char *to = getenv("POWER_LOSS_SHADOW");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_write = dlsym(RTLD_NEXT, "write");
  real_writev = dlsym(RTLD_NEXT, "writev");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite");
  real_rename = dlsym(RTLD_NEXT, "rename");
  real_unlink = dlsym(RTLD_NEXT, "unlink");
  if (from != NULL && to != NULL) {
    snprintf(directory, sizeof directory, "%s", from);
    snprintf(shadow, sizeof shadow, "%s", to);
  }
}

/* The place in the shadow of a path below the directory; false for any other path. */
static int shadow_of(const char *path, char *out) {
  size_t length = strlen(directory);
  if (length == 0) return 0;
  char absolute[PATH_MAX];
  if (path[0] != '/') {
    char here[PATH_MAX];
    if (getcwd(here, sizeof here) == NULL) return 0;
    if (snprintf(absolute, sizeof absolute, "%s/%s", here, path) >= PATH_MAX) return 0;
  } else {
    if (snprintf(absolute, sizeof absolute, "%s", path) >= PATH_MAX) return 0;
  }
  if (strncmp(absolute, directory, length) != 0) return 0;
  if (absolute[length] != '/' && absolute[length] != '\0') return 0;
  return snprintf(out, PATH_MAX, "%s%s", shadow, absolute + length) < PATH_MAX;
}

static void make_parents(const char *path) {
  char parent[PATH_MAX];
  snprintf(parent, sizeof parent, "%s", path);
  for (char *slash = strchr(parent + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(parent, 0700) != 0 && errno != EEXIST) fail("mkdir", parent);
    *slash = '/';
  }
}

static struct copied *copied_of(const struct stat *status) {
  for (int i = 0; i < known_count; i++) {
    if (known[i].inode == status->st_ino && known[i].device == status->st_dev) return &known[i];
  }
  if (known_count == INODES_MAX) fail("too many files for", directory);
  known[known_count] = (struct copied){status->st_dev, status->st_ino, 0};
  return &known[known_count++];
}

/* An inode number is used again after a removal, so what is known of it goes with it. */
static void forget(const struct stat *status) {
  for (int i = 0; i < known_count; i++) {
    if (known[i].inode != status->st_ino || known[i].device != status->st_dev) continue;
    known[i] = known[--known_count];
    return;
  }
}

static void apply(struct change *change) {
  if (change->to == NULL) {
    if (real_unlink(change->from) != 0 && errno != ENOENT) fail("unlink", change->from);
  } else {
    make_parents(change->to);
    if (real_rename(change->from, change->to) != 0) {
      if (errno != ENOENT) fail("rename", change->from);
      if (change->is_directory) goto done;
      int empty = open(change->to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
      if (empty < 0) fail("open", change->to);
      close(empty);
    }
  }
done:
  free(change->from);
  free(change->to);
}

static void apply_pending(void) {
  for (int i = 0; i < pending_count; i++) apply(&pending[i]);
  pending_count = 0;
}

/* Databases append; everything else is small and may have been written over. */
static int only_grows(const char *path) {
  const char *name = strrchr(path, '/');
  const char *dot = strrchr(path, '.');
  if (name != NULL && strncmp(name, "/MANIFEST-", 10) == 0) return 1;
  return dot != NULL && (strcmp(dot, ".log") == 0 || strcmp(dot, ".ldb") == 0);
}

static void copy(const char *path, const char *to, const struct stat *status) {
  struct copied *file = copied_of(status);
  if (!only_grows(path) || status->st_size < file->bytes) file->bytes = 0;
  make_parents(to);
  int in = open(path, O_RDONLY | O_CLOEXEC);
  if (in < 0) fail("open", path);
  int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC | (file->bytes == 0 ? O_TRUNC : 0), 0600);
  if (out < 0) fail("open", to);
  static char chunk[CHUNK_BYTES];
  while (file->bytes < status->st_size) {
    off_t left = status->st_size - file->bytes;
    size_t wanted = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
    ssize_t got = pread(in, chunk, wanted, file->bytes);
    if (got <= 0) fail("read", path);
    if (pwrite(out, chunk, (size_t)got, file->bytes) != got) fail("write", to);
    file->bytes += got;
  }
  close(in);
  close(out);
}

static int is_lying(void) {
  char flag[PATH_MAX + 8];
  snprintf(flag, sizeof flag, "%s/lying", shadow);
  return access(flag, F_OK) == 0;
}

static void record_sync(int descriptor) {
  char link[64], path[PATH_MAX], to[PATH_MAX];
  struct stat status;
  int before = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length > 0) {
    path[length] = '\0';
    if (shadow_of(path, to) && fstat(descriptor, &status) == 0) {
      pthread_mutex_lock(&lock);
      if (!is_lying()) {
        apply_pending();
        if (S_ISREG(status.st_mode) && status.st_nlink > 0) copy(path, to, &status);
      }
      pthread_mutex_unlock(&lock);
    }
  }
  errno = before;
}

static void record_change(const char *from, const char *to) {
  char from_shadow[PATH_MAX], to_shadow[PATH_MAX];
  if (!shadow_of(from, from_shadow)) return;
  if (to != NULL && !shadow_of(to, to_shadow)) return;
  if (is_lying()) return;
  if (pending_count == PENDING_MAX) apply_pending();
  struct stat status;
  int is_directory = to != NULL && stat(to, &status) == 0 && S_ISDIR(status.st_mode);
  struct change change = {strdup(from_shadow), to == NULL ? NULL : strdup(to_shadow), is_directory};
  pending[pending_count++] = change;
}

int fsync(int descriptor) {
  int result = real_fsync(descriptor);
  if (result == 0) record_sync(descriptor);
  return result;
}

int fdatasync(int descriptor) {
  int result = real_fdatasync(descriptor);
  if (result == 0) record_sync(descriptor);
  return result;
}

static void record_write(int descriptor, ssize_t result) {
  if (result <= 0 || directory[0] == '\0') return;
  int before = errno;
  int flags = fcntl(descriptor, F_GETFL);
  errno = before;
  if (flags >= 0 && (flags & O_DSYNC) != 0) record_sync(descriptor);
}

/* A write may come before the constructor has run. */
ssize_t write(int descriptor, const void *bytes, size_t count) {
  if (real_write == NULL) real_write = dlsym(RTLD_NEXT, "write");
  ssize_t result = real_write(descriptor, bytes, count);
  record_write(descriptor, result);
  return result;
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  if (real_writev == NULL) real_writev = dlsym(RTLD_NEXT, "writev");
  ssize_t result = real_writev(descriptor, parts, count);
  record_write(descriptor, result);
  return result;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t position) {
  if (real_pwrite == NULL) real_pwrite = dlsym(RTLD_NEXT, "pwrite");
  ssize_t result = real_pwrite(descriptor, bytes, count, position);
  record_write(descriptor, result);
  return result;
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t position) {
  return pwrite(descriptor, bytes, count, position);
}

int rename(const char *from, const char *to) {
  struct stat replaced;
  pthread_mutex_lock(&lock);
  int is_replacing = stat(to, &replaced) == 0;
  int result = real_rename(from, to);
  int after = errno;
  if (result == 0) {
    if (is_replacing) forget(&replaced);
    record_change(from, to);
  }
  pthread_mutex_unlock(&lock);
  errno = after;
  return result;
}

int unlink(const char *path) {
  struct stat removed;
  pthread_mutex_lock(&lock);
  int is_known = stat(path, &removed) == 0;
  int result = real_unlink(path);
  int after = errno;
  if (result == 0) {
    if (is_known) forget(&removed);
    record_change(path, NULL);
  }
  pthread_mutex_unlock(&lock);
  errno = after;
  return result;
}
