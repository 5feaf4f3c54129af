import { createHmac, randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Log } from "#cluster";
import { readBeginning } from "../config/bounded-file.ts";
import { UsageError } from "../config/usage-error.ts";
import { accessLimits } from "./limits.ts";
import { isSameKey, type ScramRecord } from "./scram-record.ts";
import { parseUsersFile, type User, type UsersFile, UsersFileError } from "./users-file.ts";

const saltSizeBytes = 16;

/** The users of this node, as the file had them when it could last be read. */
export class UserDirectory {
  readonly #path: string;
  readonly #log: Log;
  /** Equal on all nodes, so that a stranger who asks two of them, or one twice, sees the same salt. */
  #decoyKey: Uint8Array = randomBytes(32);
  readonly #handlers: ((isOut: (name: string) => boolean) => void)[] = [];
  #file: UsersFile;
  #iterations: number;
  #reading: Promise<void> | null = null;
  reloads = 0;
  reloadsFailed = 0;

  /** Throws {@link UsageError} when the file cannot be used. */
  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
    try {
      this.#file = parsed(readBeginning(path, accessLimits.usersFileSizeBytesMax + 1));
    } catch (error) {
      throw new UsageError(`--users-file ${problemOf(path, error)}`);
    }
    this.#iterations = usualIterations(this.#file);
    const isReadableByOthers = process.platform !== "win32" && (statSync(path).mode & 0o077) !== 0;
    if (isReadableByOthers) {
      log.warn({ path }, "the users file can be read by other users of this machine (chmod 600)");
    }
  }

  get path(): string {
    return this.#path;
  }

  get file(): UsersFile {
    return this.#file;
  }

  /** `secret` is what all nodes share. */
  keyDecoys(secret: Uint8Array): void {
    this.#decoyKey = createHmac("sha256", secret)
      .update("flockmq users that do not exist")
      .digest();
  }

  find(name: string): User | null {
    return this.#file.users.get(name) ?? null;
  }

  /** `isOut` tells who is not what it was before: gone, or with another password. */
  onChanged(handler: (isOut: (name: string) => boolean) => void): void {
    this.#handlers.push(handler);
  }

  /** A record that no password fits, for a name that nobody has: the same work, and the same salt each time. */
  decoy(name: string): ScramRecord {
    const tag = (what: string) =>
      createHmac("sha256", this.#decoyKey).update(`${what}\0${name}`).digest();
    return {
      salt: tag("salt").subarray(0, saltSizeBytes),
      iterations: this.#iterations,
      storedKey: tag("stored key"),
      serverKey: tag("server key"),
    };
  }

  /** Takes the file as it is now; one that cannot be used changes nothing. */
  async reload(): Promise<void> {
    // Two readings at once could end in the wrong order.
    this.#reading = (this.#reading ?? Promise.resolve()).then(() => this.#reload());
    await this.#reading;
  }

  async #reload(): Promise<void> {
    let file: UsersFile;
    try {
      const { size } = statSync(this.#path);
      if (size > accessLimits.usersFileSizeBytesMax) throw tooLarge();
      file = parsed(await readFile(this.#path));
    } catch (error) {
      this.reloadsFailed++;
      const problem = problemOf(this.#path, error);
      this.#log.error({ problem }, "the users file cannot be used; the users stay as they were");
      return;
    }
    const before = this.#file.users;
    this.#file = file;
    this.reloads++;
    this.#iterations = usualIterations(this.#file);
    this.#log.info({ users: this.#file.users.size }, "the users file was read again");
    const isOut = (name: string): boolean => {
      const was = before.get(name);
      const is = file.users.get(name);
      return (
        was !== undefined &&
        (is === undefined || !isSameKey(was.record.storedKey, is.record.storedKey))
      );
    };
    for (const handler of this.#handlers) handler(isOut);
  }
}

function parsed(bytes: Buffer): UsersFile {
  if (bytes.length > accessLimits.usersFileSizeBytesMax) throw tooLarge();
  return parseUsersFile(bytes.toString("utf8"));
}

function tooLarge(): Error {
  return new Error(`expected a file of at most ${accessLimits.usersFileSizeBytesMax} bytes`);
}

/** `PATH:LINE: what is wrong`. */
function problemOf(path: string, error: unknown): string {
  if (error instanceof UsersFileError) return `${path}:${error.line}: ${error.message}`;
  if (error instanceof Error && "code" in error) return `${path}: cannot be read (${error.code})`;
  return `${path}: ${error instanceof Error ? error.message : error}`;
}

/** What most users have: a decoy with another number would stand out. */
function usualIterations({ users }: UsersFile): number {
  const counts = new Map<number, number>();
  for (const { record } of users.values()) {
    counts.set(record.iterations, (counts.get(record.iterations) ?? 0) + 1);
  }
  const [usual] = [...counts].sort((a, b) => b[1] - a[1]);
  return usual?.[0] ?? accessLimits.iterationsMin;
}
