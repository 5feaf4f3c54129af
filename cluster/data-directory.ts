import { mkdir, readFile, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DiskSpace } from "./drivers/disk-watch.ts";
import { type KnownPeers, readKnownPeers } from "./drivers/known-peers.ts";
import { ClusterError } from "./errors.ts";
import type { ClusterOptions, Formation } from "./options.ts";
import { LevelDirectoryDisk } from "./storage/level-disk.ts";
import { LevelStorage } from "./storage/level-storage.ts";
import { quarantine } from "./storage/quarantine.ts";
import type { ClusterStorage, StorageRestore } from "./storage/storage.ts";
import { type Identity, loadIdentity, renewIdentity } from "./transport/identity.ts";

const condemnedName = "condemned";

/** A data directory ready for use. */
export interface OpenedDirectory {
  readonly storage: ClusterStorage;
  readonly restore: StorageRestore;
  readonly identity: Identity;
  /** How a node without a cluster gets one; never by founding it when this directory was in a cluster before. */
  readonly formation: Formation;
}

/**
 * Opens database and key. A member whose database is damaged must never vote with what is left of it: the evidence is set
 * aside, and the node goes back to its cluster as a learner under a new id. The only voter of a cluster cannot do that and
 * gets the error. Rejects with `storage-locked`, `storage-corrupt`, `storage-failed`, `storage-foreign`.
 */
export async function openDataDirectory(options: ClusterOptions): Promise<OpenedDirectory> {
  const { dataDir, onFatal } = options;
  await mkdir(dataDir, { recursive: true });
  const known = await readKnownPeers(dataDir);
  const storage = new LevelStorage(new LevelDirectoryDisk(databasePath(dataDir)), {
    onFailure: onFatal,
  });
  let restore: StorageRestore;
  try {
    await checkCondemned(dataDir);
    restore = await storage.open();
  } catch (error) {
    if (!(error instanceof ClusterError) || error.code !== "storage-corrupt") throw error;
    await storage.close().catch(() => undefined);
    await setAside(options, known, error);
    return openDataDirectory(options);
  }
  try {
    const identity = await identityFor(options, restore, known);
    const isComingBack = restore.nodeRecord === null && known !== null;
    const formation = isComingBack ? wayBack(options.formation, known) : options.formation;
    return { storage, restore, identity, formation };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/** The running node found its own content wrong: the next start treats its database as damaged. */
export async function condemnDatabase(dataDir: string, reason: string): Promise<void> {
  await writeFile(join(databasePath(dataDir), condemnedName), `${reason}\n`, { flush: true });
}

/** Rejects with the system's error. */
export async function diskSpaceOf(dataDir: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(dataDir);
  return { freeSizeBytes: bavail * bsize, totalSizeBytes: blocks * bsize };
}

/** The mark moves away with the database. */
async function checkCondemned(dataDir: string): Promise<void> {
  let reason: string;
  try {
    reason = await readFile(join(databasePath(dataDir), condemnedName), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  throw new ClusterError("storage-corrupt", `condemned by its last run: ${reason.trim()}`);
}

function databasePath(dataDir: string): string {
  return join(dataDir, "db");
}

/** First the key, then the database: after a crash in between, the old id is gone for good, as it must be. */
async function setAside(
  options: ClusterOptions,
  known: KnownPeers | null,
  error: ClusterError,
): Promise<void> {
  const { dataDir, clock, log } = options;
  checkWayBack(options, known, error);
  const wallMs = clock.wallMs();
  await renewIdentity(dataDir, `damaged-${wallMs}`);
  const evidence = await quarantine(databasePath(dataDir), error.message, wallMs);
  log.warn(
    { evidence, oldNodeId: known?.nodeId ?? null, reason: error.message },
    "the database is damaged and was set aside; this node joins its cluster again under a new id",
  );
}

function checkWayBack(
  { dataDir, formation }: ClusterOptions,
  known: KnownPeers | null,
  error: ClusterError,
): void {
  const hasPeers = known !== null && !known.isOnlyVoter && known.addresses.length > 0;
  if (hasPeers || (known === null && formation.kind === "join")) return;
  const why =
    known === null
      ? "it is not known which cluster this node belonged to"
      : "this node was the only voter of its cluster, so no other node can replace what is damaged";
  throw new ClusterError(
    "storage-corrupt",
    `data directory ${dataDir}: ${error.message}; ${why}. Restore a backup, or start with an empty data directory and accept the loss`,
    { ...error.details, dataDir },
    error,
  );
}

async function identityFor(
  { dataDir, clock, log }: ClusterOptions,
  { nodeRecord }: StorageRestore,
  known: KnownPeers | null,
): Promise<Identity> {
  const identity = await loadIdentity(dataDir);
  if (nodeRecord === null && known?.nodeId === identity.nodeId) {
    log.warn(
      { oldNodeId: known.nodeId, cluster: known.clusterId },
      "the database of this member is gone; this node joins its cluster again under a new id",
    );
    return renewIdentity(dataDir, `lost-${clock.wallMs()}`);
  }
  if (nodeRecord === null || nodeRecord.nodeId === identity.nodeId) return identity;
  throw new ClusterError(
    "storage-foreign",
    `data directory ${dataDir}: its database belongs to node ${nodeRecord.nodeId}, its key to ${identity.nodeId}; restore the matching node.key or use another directory`,
    { dataDir },
  );
}

/** To the cluster it was in, whatever else the options say; a new one would be a second one. */
function wayBack(formation: Formation, known: KnownPeers): Formation {
  const given = formation.kind === "found" ? [] : formation.addresses;
  return {
    kind: "join",
    addresses: [...new Set([...given, ...known.addresses])],
    isDiscovering: formation.kind !== "found" && formation.isDiscovering,
    isReturning: true,
  };
}
