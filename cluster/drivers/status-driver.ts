import type { MemberRecord } from "../agreed/member-record.ts";
import type { ReadOutcome } from "../cluster-api.ts";
import type { NodeId } from "../node-id.ts";
import type { Clock } from "../ports.ts";
import type { ClusterStatus, NodeStatus } from "../status.ts";
import type { Transport } from "../transport/transport.ts";

export const statusRequestKind = "status";

export interface StatusDriverOptions {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly members: () => readonly MemberRecord[];
  readonly stateOf: (nodeId: NodeId) => "up" | "suspect" | "down";
  readonly isVoter: (nodeId: NodeId) => boolean;
  /** Voters that the members call for; fewer means that promotions are on their way. */
  readonly votersWanted: () => number;
  /** Nodes that this one was told to wait for and that never came; 0 once all were here, also if some left since. */
  readonly nodesMissing: () => number;
  readonly leader: () => { readonly nodeId: NodeId | null; readonly term: number };
  readonly readBarrier: (timeoutMs: number) => Promise<ReadOutcome>;
  readonly appliedIndex: () => number;
  /** This node's own line with its digest at `index`, or at its newest index when it does not hold that one. */
  readonly ownStatus: (index: number) => NodeStatus;
}

const answerTimeoutMs = 2500;
/** How long a node may take to apply up to the index that is compared. */
const catchUpMs = 1000;
const attempts = 4;
const pauseMs = 150;

/**
 * Proves, or disproves, that the replicas agree: one linearizable index is fixed, every member reports its content digest at
 * exactly that index, and its digest of the whole route table.
 */
export class StatusDriver {
  readonly #options: StatusDriverOptions;

  constructor(options: StatusDriverOptions) {
    this.#options = options;
  }

  /** Routes and lagging learners settle within moments, so a mismatch is looked at again before it is reported. */
  async status(): Promise<ClusterStatus> {
    for (let attempt = 1; ; attempt++) {
      const status = await this.#look();
      if (status.inSync || !status.quorum || attempt === attempts) return status;
      if (status.nodes.some((node) => node.state === "down")) return status;
      if (status.nodes.filter((node) => node.voter).length < this.#options.votersWanted()) {
        return status;
      }
      await this.#pause(pauseMs);
    }
  }

  /** Answers another node's question. */
  async onRequest(payload: Uint8Array): Promise<Uint8Array> {
    const index = Number(Buffer.from(payload).toString("utf8"));
    return Buffer.from(JSON.stringify(await this.#ownStatusAt(index)));
  }

  async #look(): Promise<ClusterStatus> {
    const { clusterId, nodeId, members, readBarrier, appliedIndex, leader, votersWanted } =
      this.#options;
    const isCurrent = (await readBarrier(catchUpMs)) === "ok";
    const index = appliedIndex();
    const records = [...members()].sort((a, b) =>
      a.name.localeCompare(b.name, "en", { numeric: true }),
    );
    const nodes = await Promise.all(
      records.map(async (record) => {
        const isSelf = record.nodeId === nodeId;
        const status = await (isSelf ? this.#ownStatusAt(index) : this.#ask(record, index));
        // From the log, so that it is known of nodes that are away, too.
        return record.zone === undefined ? status : { ...status, zone: record.zone };
      }),
    );
    const now = leader();
    const reasons = findDifferences(nodes, index);
    const voters = nodes.filter((node) => node.voter).length;
    if (reasons.length === 0 && voters < votersWanted()) {
      reasons.push(`${voters} voters, ${votersWanted()} are wanted: learners are being promoted`);
    }
    const missing = this.#options.nodesMissing();
    if (missing > 0) reasons.push(`${missing} of the expected nodes have not joined yet`);
    if (!isCurrent) reasons.unshift("no quorum: no leader confirmed a read index");
    return {
      clusterId,
      inSync: reasons.length === 0,
      quorum: isCurrent,
      leader: records.find((record) => record.nodeId === now.nodeId)?.name ?? null,
      term: now.term,
      nodes,
      reasons,
    };
  }

  async #ask(record: MemberRecord, index: number): Promise<NodeStatus> {
    const { transport, stateOf, isVoter } = this.#options;
    const state = stateOf(record.nodeId);
    try {
      const answer = await transport.request(
        record.nodeId,
        statusRequestKind,
        Buffer.from(String(index)),
        answerTimeoutMs,
      );
      const status = JSON.parse(Buffer.from(answer).toString("utf8")) as NodeStatus;
      return { ...status, state: state === "down" ? "suspect" : state };
    } catch {
      return unknownStatus(record, state === "up" ? "suspect" : state, isVoter(record.nodeId));
    }
  }

  async #ownStatusAt(index: number): Promise<NodeStatus> {
    const { appliedIndex, clock, ownStatus } = this.#options;
    const deadlineMs = clock.monotonicMs() + catchUpMs;
    while (appliedIndex() < index && clock.monotonicMs() < deadlineMs) await this.#pause(20);
    return ownStatus(index);
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(delayMs, resolve);
    });
  }
}

function findDifferences(nodes: readonly NodeStatus[], index: number): string[] {
  const reasons: string[] = [];
  const reference = nodes.find((node) => node.state === "up" && node.digestIndex === index);
  for (const node of nodes) {
    if (node.state !== "up") {
      reasons.push(`${node.name} is ${node.state}`);
    } else if (node.digestIndex !== index) {
      reasons.push(`${node.name} has applied ${node.appliedIndex}, not yet ${index}`);
    } else if (reference !== undefined && node.digest !== reference.digest) {
      reasons.push(`${node.name} differs from ${reference.name} in content at index ${index}`);
    } else if (reference !== undefined && node.routesDigest !== reference.routesDigest) {
      reasons.push(`${node.name} differs from ${reference.name} in routes`);
    }
  }
  return reasons;
}

function unknownStatus(
  record: MemberRecord,
  state: "suspect" | "down",
  isVoter: boolean,
): NodeStatus {
  return {
    name: record.name,
    nodeId: record.nodeId,
    role: "follower",
    voter: isVoter,
    state,
    term: 0,
    lastIndex: 0,
    commitIndex: 0,
    appliedIndex: 0,
    digest: "",
    digestIndex: 0,
    routesDigest: "",
    routesCount: 0,
    retained: 0,
    devices: 0,
    sessions: 0,
    connections: 0,
    version: "",
    uptimeSeconds: 0,
    ports: {},
  };
}

/** Raft's role in the words of the status. */
export function roleOf(role: string, isVoter: boolean): NodeStatus["role"] {
  if (role === "leader") return "leader";
  if (role === "candidate" || role === "preCandidate") return "candidate";
  return isVoter ? "follower" : "learner";
}
