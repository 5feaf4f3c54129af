import type { AgreedState } from "../agreed/agreed-state.ts";
import type { DigestRing } from "../agreed/digest-ring.ts";
import type { MemberRecord } from "../agreed/member-record.ts";
import { judge, type Replica, type ReplicaProof, type Verdict } from "../agreed/verdict.ts";
import type { ReadOutcome } from "../cluster-api.ts";
import { ClusterError } from "../errors.ts";
import { logLimits } from "../log-limits.ts";
import type { NodeId } from "../node-id.ts";
import type { Clock, Log } from "../ports.ts";
import type { ClusterStatus } from "../status.ts";
import type { ClusterStorage } from "../storage/storage.ts";
import type { Transport } from "../transport/transport.ts";

export interface VerifyDriverOptions {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly transport: Transport;
  readonly storage: ClusterStorage;
  readonly agreed: AgreedState;
  readonly digests: DigestRing;
  readonly clock: Clock;
  readonly log: Log;
  readonly isVoter: (nodeId: NodeId) => boolean;
  readonly readBarrier: (timeoutMs: number) => Promise<ReadOutcome>;
  readonly appliedIndex: () => number;
  readonly status: () => Promise<ClusterStatus>;
  /** This replica is wrong and the others are right: serve nothing more, and start anew from them. */
  readonly condemned: (error: ClusterError) => void;
}

interface Comparison {
  readonly verdict: Verdict;
  readonly index: number;
  /** How many proved their content. */
  readonly replicas: number;
}

const proofRequestKind = "verify-proof";
const checkYourselfRequestKind = "verify-yourself";
const barrierTimeoutMs = 2000;
const catchUpMs = 2000;
const pollMs = 20;
/** Reading all records of a large state takes a while. */
const proofTimeoutMs = 25_000;

/**
 * Proves content instead of trusting running digests: every replica reads its records from the disk and makes their digest
 * anew. A replica that is found wrong is told; it looks for itself, and believes only a majority of voters.
 */
export class VerifyDriver {
  readonly #options: VerifyDriverOptions;
  /** One at a time, whoever asks: it reads the whole state. */
  #stored: Promise<Omit<ReplicaProof, "digest">> | null = null;
  #checking: Promise<void> | null = null;

  constructor(options: VerifyDriverOptions) {
    this.#options = options;
  }

  /** The status, and whether all replicas hold the same in memory and on disk. */
  async verify(): Promise<ClusterStatus> {
    const { status, nodeId } = this.#options;
    const before = await status();
    const found = await this.#compare();
    if (found === null) {
      const reasons = [...before.reasons, "not verified: no leader confirmed a read index"];
      return { ...before, inSync: false, reasons };
    }
    const { verdict, index, replicas } = found;
    // Whoever reads the answer may rely on it that those it names have fallen silent.
    const others = [...verdict.wrong.keys()].filter((wrong) => wrong !== nodeId);
    const untold = await Promise.all(others.map((wrong) => this.#tell(wrong)));
    this.#condemnIfWrong(found);
    return {
      ...before,
      inSync: before.inSync && verdict.reasons.length === 0,
      reasons: [...before.reasons, ...verdict.reasons, ...untold.filter((each) => each !== null)],
      verified: { index, replicas },
    };
  }

  /** Answers a request of another node, or null when `kind` is not one of these. */
  onRequest(kind: string, payload: Uint8Array): Promise<Uint8Array> | null {
    if (kind === proofRequestKind) {
      const index = Number(Buffer.from(payload).toString("utf8"));
      return this.#prove(index).then((proof) => Buffer.from(JSON.stringify(proof)));
    }
    if (kind !== checkYourselfRequestKind) return null;
    return this.#checkSelf().then(() => new Uint8Array(0));
  }

  /** What is wrong with the records on the disk of this node, or null; `pause` is awaited between pieces. */
  async checkStored(pause: () => Promise<void>): Promise<string | null> {
    const { storedIndex, storedDigest, runningDigest, damage } = await this.#readStored(pause);
    if (damage !== null) return damage;
    if (storedDigest === null || runningDigest === null || storedDigest === runningDigest) {
      return null;
    }
    return `the disk holds other records than were applied, at index ${storedIndex}`;
  }

  async #compare(): Promise<Comparison | null> {
    const { readBarrier, appliedIndex, agreed, nodeId, isVoter } = this.#options;
    if ((await readBarrier(barrierTimeoutMs)) !== "ok") return null;
    const index = appliedIndex();
    const replicas = await Promise.all(
      agreed.members().map(async (member): Promise<Replica> => {
        const proof = member.nodeId === nodeId ? this.#prove(index) : this.#ask(member, index);
        const { name } = member;
        return { nodeId: member.nodeId, name, isVoter: isVoter(member.nodeId), proof: await proof };
      }),
    );
    const proven = replicas.filter(({ proof }) => proof !== null).length;
    return { verdict: judge(replicas, index), index, replicas: proven };
  }

  async #ask(member: MemberRecord, index: number): Promise<ReplicaProof | null> {
    try {
      const answer = await this.#options.transport.request(
        member.nodeId,
        proofRequestKind,
        Buffer.from(String(index)),
        proofTimeoutMs,
      );
      return JSON.parse(Buffer.from(answer).toString("utf8")) as ReplicaProof;
    } catch (error) {
      this.#options.log.warn({ member: member.name, error }, "a replica did not prove its content");
      return null;
    }
  }

  async #prove(index: number): Promise<ReplicaProof> {
    const { appliedIndex, clock, digests } = this.#options;
    const deadlineMs = clock.monotonicMs() + catchUpMs;
    while (appliedIndex() < index && clock.monotonicMs() < deadlineMs) {
      await new Promise<void>((resolve) => {
        clock.after(pollMs, resolve);
      });
    }
    const digest = digests.at(index);
    this.#stored ??= this.#readStored().finally(() => {
      this.#stored = null;
    });
    return { digest, ...(await this.#stored) };
  }

  async #readStored(pause?: () => Promise<void>): Promise<Omit<ReplicaProof, "digest">> {
    const { storage, agreed, digests } = this.#options;
    const nothing = { storedIndex: 0, storedDigest: null, runningDigest: null };
    const digest = agreed.emptyDigest();
    const view = digest === null ? null : await storage.openStateView();
    if (digest === null || view === null) return { ...nothing, damage: null };
    const storedIndex = view.point.index;
    // Now, because it is forgotten when many entries come while the records are read.
    const runningDigest = digests.at(storedIndex);
    try {
      for await (const records of view.chunks(logLimits.snapshotChunkSizeBytes)) {
        for (const { key, value } of records) if (value !== null) digest.add(key, value);
        await pause?.();
      }
      return { storedIndex, storedDigest: digest.hex(), runningDigest, damage: null };
    } catch (error) {
      if (!(error instanceof ClusterError) || error.code !== "storage-corrupt") throw error;
      return { ...nothing, damage: error.message };
    } finally {
      await view.close();
    }
  }

  /** Resolves with null when the replica has looked for itself: it is silent now, or sees itself in the right. */
  async #tell(nodeId: NodeId): Promise<string | null> {
    const { transport, agreed, log } = this.#options;
    try {
      await transport.request(nodeId, checkYourselfRequestKind, new Uint8Array(0), proofTimeoutMs);
      return null;
    } catch (error) {
      log.warn({ nodeId, error }, "a replica that differs could not be told");
      return `${agreed.member(nodeId)?.name ?? nodeId} was not told, and may serve on`;
    }
  }

  /** One look at a time; whoever asks meanwhile waits for the same one. */
  #checkSelf(): Promise<void> {
    this.#checking ??= this.#lookAtSelf().finally(() => {
      this.#checking = null;
    });
    return this.#checking;
  }

  async #lookAtSelf(): Promise<void> {
    try {
      const found = await this.#compare();
      if (found !== null) this.#condemnIfWrong(found);
    } catch (error) {
      this.#options.log.error({ error }, "this replica could not check itself");
      throw error;
    }
  }

  #condemnIfWrong({ verdict, index }: Comparison): void {
    const { nodeId, name, condemned } = this.#options;
    const fault = verdict.wrong.get(nodeId);
    if (fault === undefined) return;
    const message = `this replica (${name}) ${fault}, and a majority of voters agrees without it`;
    condemned(new ClusterError("storage-corrupt", message, { index }));
  }
}
