import type { KnownPeers } from "./drivers/known-peers.ts";
import { ClusterError } from "./errors.ts";
import type { NodeId } from "./node-id.ts";
import type { ClusterOptions, Formation } from "./options.ts";
import { corrupt } from "./storage/corrupt.ts";
import { prefix } from "./storage/keys.ts";
import type { ClusterStorage, StorageRestore } from "./storage/storage.ts";

/** What `openDirectory` decides about: a data directory, or that of a simulated node. */
export interface NodeDirectory<Identity, Storage extends ClusterStorage> {
  /** Stands in error messages. */
  readonly name: string;
  knownPeers(): Promise<KnownPeers | null>;
  /** Why the last run found its own content wrong; null when it did not. */
  condemnedFor(): Promise<string | null>;
  /** Not open yet. */
  storage(): Storage;
  /** Of this directory; makes one when there is none. */
  identity(): Promise<Identity>;
  /** Sets the old identity aside under this suffix and makes a new one. */
  renewIdentity(suffix: string): Promise<Identity>;
  /** Moves the damaged database away, and the mark of a condemned one with it; answers where it is kept as evidence. */
  setAside(reason: string, wallMs: number): Promise<string>;
}

/** A data directory ready for use. */
export interface OpenedDirectory<Identity, Storage extends ClusterStorage = ClusterStorage> {
  readonly storage: Storage;
  readonly restore: StorageRestore;
  readonly identity: Identity;
  /** How a node without a cluster gets one; never by founding it when this directory was in a cluster before. */
  readonly formation: Formation;
}

type OpeningOptions = Pick<ClusterOptions, "formation" | "clock" | "log">;

/**
 * Opens database and key. A member whose database is damaged must never vote with what is left of it: the evidence is set
 * aside, and the node goes back to its cluster as a learner under a new id. The only voter of a cluster cannot do that and
 * gets the error. Rejects with `storage-locked`, `storage-corrupt`, `storage-failed`, `storage-foreign`.
 */
export async function openDirectory<
  Identity extends { readonly nodeId: NodeId },
  Storage extends ClusterStorage,
>(
  options: OpeningOptions,
  directory: NodeDirectory<Identity, Storage>,
): Promise<OpenedDirectory<Identity, Storage>> {
  const known = await directory.knownPeers();
  const storage = directory.storage();
  let restore: StorageRestore;
  try {
    const reason = await directory.condemnedFor();
    if (reason !== null) {
      throw new ClusterError("storage-corrupt", `condemned by its last run: ${reason}`);
    }
    restore = await storage.open();
    checkNode(restore);
  } catch (error) {
    if (!(error instanceof ClusterError) || error.code !== "storage-corrupt") throw error;
    await storage.close().catch(() => undefined);
    await setAside(options, directory, known, error);
    return openDirectory(options, directory);
  }
  try {
    const identity = await identityFor(options, directory, restore, known);
    const isComingBack = restore.nodeRecord === null && known !== null;
    const formation = isComingBack ? wayBack(options.formation, known) : options.formation;
    return { storage, restore, identity, formation };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

/** A node is named before its log begins. Without the name, the term and the votes of its log would be another node's. */
function checkNode({ nodeRecord, hardState, snapshot, entries }: StorageRestore): void {
  const hasLog = hardState.term > 0 || snapshot.index > 0 || entries.length > 0;
  if (nodeRecord !== null || !hasLog) return;
  throw corrupt(prefix.node, null, "missing, though the node has a log");
}

/** First the key, then the database: after a crash in between, the old id is gone for good, as it must be. */
async function setAside<Identity>(
  { formation, clock, log }: OpeningOptions,
  directory: NodeDirectory<Identity, ClusterStorage>,
  known: KnownPeers | null,
  error: ClusterError,
): Promise<void> {
  checkWayBack(directory.name, formation, known, error);
  const wallMs = clock.wallMs();
  await directory.renewIdentity(`damaged-${wallMs}`);
  const evidence = await directory.setAside(error.message, wallMs);
  log.warn(
    { evidence, oldNodeId: known?.nodeId ?? null, reason: error.message },
    "the database is damaged and was set aside; this node joins its cluster again under a new id",
  );
}

function checkWayBack(
  dataDir: string,
  formation: Formation,
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

async function identityFor<Identity extends { readonly nodeId: NodeId }>(
  { clock, log }: OpeningOptions,
  directory: NodeDirectory<Identity, ClusterStorage>,
  { nodeRecord }: StorageRestore,
  known: KnownPeers | null,
): Promise<Identity> {
  const identity = await directory.identity();
  if (nodeRecord === null && known?.nodeId === identity.nodeId) {
    log.warn(
      { oldNodeId: known.nodeId, cluster: known.clusterId },
      "the database of this member is gone; this node joins its cluster again under a new id",
    );
    return directory.renewIdentity(`lost-${clock.wallMs()}`);
  }
  if (nodeRecord === null || nodeRecord.nodeId === identity.nodeId) return identity;
  const { name } = directory;
  throw new ClusterError(
    "storage-foreign",
    `data directory ${name}: its database belongs to node ${nodeRecord.nodeId}, its key to ${identity.nodeId}; restore the matching node.key or use another directory`,
    { dataDir: name },
  );
}

/** To the cluster it was in, whatever else the options say; a new one would be a second one. */
function wayBack(formation: Formation, known: KnownPeers): Formation {
  const given = formation.kind === "found" ? [] : formation.addresses;
  return {
    kind: "join",
    addresses: [...new Set([...given, ...known.addresses])],
    isDiscovering: formation.kind !== "found" && formation.isDiscovering,
    former: { nodeId: known.nodeId, name: known.name },
  };
}
