import { randomUUID } from "node:crypto";
import { AgreedState } from "./agreed/agreed-state.ts";
import type { LogWindowLimits } from "./agreed/log-window.ts";
import type { MemberRecord } from "./agreed/member-record.ts";
import type { Cluster } from "./cluster-api.ts";
import { ClusterNode } from "./cluster-node.ts";
import type { DiskSpace } from "./drivers/disk-watch.ts";
import { FormationDriver, type Formed } from "./drivers/formation.ts";
import type { KnownPeers } from "./drivers/known-peers.ts";
import { ClusterError, nodeRemoved } from "./errors.ts";
import type { FlowLimits } from "./log-limits.ts";
import type { NodeId } from "./node-id.ts";
import type { ClusterOptions } from "./options.ts";
import type { Counters } from "./ports.ts";
import { committedConfiguration } from "./raft/committed-configuration.ts";
import { type Configuration, defaultGroup, type SnapshotPoint } from "./raft/types.ts";
import type { ClusterStorage, NodeRecord, StorageRestore } from "./storage/storage.ts";
import type { LinkEvent, Transport } from "./transport/transport.ts";

/** A node that is on its way into a cluster; `stop` gives up, `cluster` then rejects with `stopped`. */
export interface StartingCluster {
  /** Known at once: the port on which peers reach this node. */
  readonly peerPort: number;
  /**
   * Resolves when the node is a member and holds its state. For a joining node that may take until a cluster answers.
   * Rejects with ClusterError `name-taken`, `node-removed`, `storage-corrupt`, `storage-foreign`, `stopped`.
   */
  readonly cluster: Promise<Cluster>;
  stop(): Promise<void>;
}

/** For a node that became a member while it was told to stop. */
const leavingMs = 2000;

/** What a node is made of; `startCluster` brings the real parts. */
export interface NodeParts {
  readonly options: ClusterOptions;
  readonly storage: ClusterStorage;
  readonly restore: StorageRestore;
  readonly transport: Transport;
  readonly counters: Counters;
  readonly logWindow: LogWindowLimits;
  /** Left out: those of `logLimits`. */
  readonly flow?: FlowLimits | undefined;
  /** Addresses on this machine worth a try for a node without a cluster. */
  readonly neighbours: () => Promise<readonly string[]>;
  /** The peer port is open; called once, before the node looks for its cluster. */
  readonly listening: (port: number) => Promise<void>;
  /** Whom this node could ask for help after losing its database; called at every change of the members. */
  readonly remember: (peers: KnownPeers) => void;
  /** Makes the next start set the database aside; left out where nothing outlives the process. */
  readonly condemn?: (reason: string) => Promise<void>;
  /** Of the disk below `storage`; left out: it is not watched. */
  readonly diskSpace?: () => Promise<DiskSpace>;
}

/** The composition root below the data directory: the same for real parts and for simulated ones. */
export async function startNode(parts: NodeParts): Promise<StartingCluster> {
  const { options, storage, transport } = parts;
  const formation = new FormationDriver({
    formation: options.formation,
    name: options.name,
    transport,
    clock: options.clock,
    random: options.random,
    log: options.log,
    neighbours: parts.neighbours,
  });
  let node: ClusterNode | null = null;
  const openLinks = new Map<NodeId, LinkEvent>();
  let record = parts.restore.nodeRecord;
  await transport.start(
    {
      onFrame: (from, channel, frame) => node?.receiveFrame(from, channel, frame),
      onLink: (event) => {
        formation.onLink(event);
        if (event.type === "up") openLinks.set(event.nodeId, event);
        else openLinks.delete(event.nodeId);
        node?.receiveLink(event);
      },
      onRequest: (from, kind, payload) =>
        withCode(
          node === null
            ? formation.onRequest(from, kind)
            : node.receiveRequest(from, kind, payload),
        ),
      onBulk: async (from, kind, header, chunks) => {
        if (node === null) throw new ClusterError("change-refused", "no cluster yet");
        await node.receiveBulk(from, kind, header, chunks);
      },
      onBroadcast: (from, payload) => node?.receiveBroadcast(from, payload),
      onDiscovered: (addresses) => formation.discovered(addresses),
    },
    () => ({
      name: record?.name ?? options.name ?? "",
      clusterId: record?.clusterId ?? null,
      incarnation: parts.restore.incarnation,
      version: options.version,
    }),
  );
  await parts.listening(transport.port);

  const becomeMember = async (): Promise<Cluster> => {
    const entered = await enter(parts, formation);
    record = entered.record;
    node = new ClusterNode({
      ...options,
      storage,
      transport,
      counters: parts.counters,
      restore: entered.restore,
      record: entered.record,
      agreed: entered.agreed,
      knownMembers: entered.knownMembers,
      logWindow: parts.logWindow,
      flow: parts.flow,
      remember: parts.remember,
      condemn: parts.condemn,
      diskSpace: parts.diskSpace,
      openLinks: [...openLinks.values()],
    });
    await node.start();
    return node;
  };
  const cluster = becomeMember();
  cluster.catch(() => undefined);
  return {
    peerPort: transport.port,
    cluster,
    async stop() {
      formation.stop();
      // Past the search it is a matter of one write; the node that came of it is then stopped like any other.
      const entered = await cluster.catch(() => null);
      if (entered !== null) return entered.stop(leavingMs);
      await transport.stop();
      await storage.close();
    },
  };
}

/** Errors cross a link as text only; the code goes first so that the other side can tell them apart. */
async function withCode(answer: Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ClusterError) throw new Error(`${error.code}: ${error.message}`);
    throw error;
  }
}

interface Entered {
  readonly record: NodeRecord;
  readonly restore: StorageRestore;
  readonly agreed: AgreedState;
  readonly knownMembers: readonly MemberRecord[];
}

/** Back to the cluster of the data directory, into one that takes this node in, or into a new one. */
async function enter(parts: NodeParts, formation: FormationDriver): Promise<Entered> {
  const { options, storage, restore, transport } = parts;
  const agreed = new AgreedState(options.stateMachine);
  agreed.reset();
  if (restore.nodeRecord !== null) {
    await loadState(parts, agreed);
    if (agreed.wasRemoved(transport.nodeId)) throw nodeRemoved(restore.nodeRecord.name);
    return { record: restore.nodeRecord, restore, agreed, knownMembers: agreed.members() };
  }
  const formed = await formation.run();
  if (formed.kind === "joined") {
    const record = recordOf(formed, transport.nodeId);
    await write(storage, { groupId: defaultGroup, nodeRecord: record });
    parts.remember(peersOf(record, formed.members));
    options.log.info({ node: record.name, clusterId: record.clusterId }, "joined the cluster");
    agreed.restored();
    const nodeRecord = record;
    return { record, restore: { ...restore, nodeRecord }, agreed, knownMembers: formed.members };
  }
  return found(parts, agreed);
}

/** Damage that shows only now, in the replicated state, is handled by the next start, as damage found before it was opened. */
async function loadState({ storage, restore, condemn }: NodeParts, agreed: AgreedState) {
  try {
    await storage.loadState((key, value) => agreed.restore(key, value));
  } catch (error) {
    const isDamage = error instanceof ClusterError && error.code === "storage-corrupt";
    // The only voter keeps what it has: no other node could replace it.
    const { voters } = committedConfiguration(restore);
    if (isDamage && voters.some((voter) => voter !== restore.nodeRecord?.nodeId)) {
      await condemn?.(error.message);
    }
    throw error;
  }
  agreed.restored();
}

async function found(parts: NodeParts, agreed: AgreedState): Promise<Entered> {
  const { options, storage, restore, transport } = parts;
  const { nodeId } = transport;
  const self: MemberRecord = {
    nodeId,
    name: options.name ?? "n1",
    addresses: transport.addresses(),
  };
  const record: NodeRecord = { clusterId: randomUUID(), nodeId, name: self.name };
  // The log begins at index 1 with state instead of entries, so that whoever joins starts from a snapshot.
  const configuration: Configuration = {
    voters: [nodeId],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
  };
  const point: SnapshotPoint = { index: 1, term: 1, configuration };
  const hardState = { term: 1, vote: null, commit: 1 };
  await storage.beginStaging();
  await storage.stage(agreed.foundingRecords(self));
  await write(storage, {
    groupId: defaultGroup,
    nodeRecord: record,
    hardState,
    installSnapshot: point,
  });
  for (const { key, value } of agreed.foundingRecords(self)) {
    if (value !== null) agreed.restore(key, value);
  }
  agreed.restored();
  options.log.info({ node: record.name, clusterId: record.clusterId }, "founded a cluster");
  return {
    record,
    agreed,
    knownMembers: [self],
    restore: {
      ...restore,
      nodeRecord: record,
      hardState,
      snapshot: point,
      entries: [],
      appliedIndex: 1,
      appliedTerm: 1,
      configuration,
    },
  };
}

/** Until this node has the members from the log: with these it finds its way back should its disk be damaged before. */
function peersOf(
  { clusterId, nodeId, name }: NodeRecord,
  members: readonly MemberRecord[],
): KnownPeers {
  const others = members.filter((member) => member.nodeId !== nodeId);
  const addresses = others.flatMap((member) => member.addresses);
  return { clusterId, nodeId, name, isOnlyVoter: false, addresses };
}

function recordOf(formed: Formed & { kind: "joined" }, nodeId: string): NodeRecord {
  return { clusterId: formed.clusterId, nodeId, name: formed.self.name };
}

function write(
  storage: ClusterStorage,
  change: Parameters<ClusterStorage["write"]>[0],
): Promise<void> {
  return new Promise((resolve) => {
    storage.write(change, resolve);
  });
}
