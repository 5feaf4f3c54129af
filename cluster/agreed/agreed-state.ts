import { ClusterError } from "../errors.ts";
import type { NodeId } from "../node-id.ts";
import type { ConfigChange } from "../raft/types.ts";
import type { CommandContext, StateMachine, StateWriter } from "../state-machine.ts";
import type { StateWrite } from "../storage/storage.ts";
import { CommandTag, decodeBatch } from "../wire/batch-codec.ts";
import { hashRecord, KeyDigest, type RecordHash } from "./key-digest.ts";
import { decodeMemberRecord, encodeMemberRecord, type MemberRecord } from "./member-record.ts";
import type { OriginProgress } from "./origin-gate.ts";
import { applicationPrefix, StateDigest } from "./state-digest.ts";

/** What happened to a batch; the proposing node settles its callers with it. */
export interface AppliedBatch {
  readonly origin: NodeId;
  readonly incarnation: number;
  readonly seq: number;
  readonly results: readonly unknown[];
}

const keys = {
  application: applicationPrefix,
  member: "k/member/",
  removed: "k/removed/",
  origin: "k/origin/",
  time: "k/time",
} as const;

/**
 * The replicated state as the cluster library sees it: who the members are, which batches have been applied, the log's
 * clock, and below the prefix `a/` whatever the state machine above keeps. Deterministic: committed entries in, effects out.
 */
export class AgreedState {
  readonly #machine: StateMachine;
  readonly #members = new Map<NodeId, MemberRecord>();
  readonly #removed = new Set<NodeId>();
  readonly #origins = new Map<NodeId, OriginProgress>();
  /** Of each record of its own. */
  readonly #hashes = new Map<string, RecordHash>();
  readonly #digest = new KeyDigest();
  #timeMs = 0;
  #membersRevision = 0;
  #writes: StateWrite[] = [];
  readonly #writer: StateWriter = {
    put: (key, value, isNew = false) =>
      this.#writes.push({ key: keys.application + key, value, isNew }),
    putOnce: (key, value) => {
      const once = { waiting: null };
      this.#writes.push({ key: keys.application + key, value, isNew: true, once });
      return once;
    },
    delete: (key, once) => {
      const ownKey = keys.application + key;
      this.#writes.push(once ? { key: ownKey, value: null, once } : { key: ownKey, value: null });
    },
  };

  constructor(machine: StateMachine) {
    this.#machine = machine;
  }

  members(): readonly MemberRecord[] {
    return [...this.#members.values()];
  }

  member(nodeId: NodeId): MemberRecord | null {
    return this.#members.get(nodeId) ?? null;
  }

  /** Rises whenever a member comes, goes or moves. */
  get membersRevision(): number {
    return this.#membersRevision;
  }

  /** How many of `count` nodes have never been members; those that were removed since have been. */
  missingOf(count: number): number {
    return Math.max(0, count - this.#members.size - this.#removed.size);
  }

  /** Ids that were removed never come back. */
  wasRemoved(nodeId: NodeId): boolean {
    return this.#removed.has(nodeId);
  }

  /** The newest batch of a node that was applied. */
  progressOf(nodeId: NodeId): OriginProgress {
    return this.#origins.get(nodeId) ?? { incarnation: 0, lastSeq: 0 };
  }

  /** The time of the newest batch; a leader stamps the next one no earlier. */
  timeMs(): number {
    return this.#timeMs;
  }

  digest(): string {
    return this.#machine.digest() + this.#digest.hex();
  }

  /** For records as they stand on disk; null when the state machine has none. */
  emptyDigest(): StateDigest | null {
    const application = this.#machine.recordsDigest?.();
    return application === undefined ? null : new StateDigest(application);
  }

  /** The records with which a cluster of one begins. */
  foundingRecords(founder: MemberRecord): readonly StateWrite[] {
    return [{ key: keys.member + founder.nodeId, value: encodeMemberRecord(founder) }];
  }

  reset(): void {
    this.#members.clear();
    this.#removed.clear();
    this.#origins.clear();
    this.#hashes.clear();
    this.#digest.reset();
    this.#timeMs = 0;
    this.#writes = [];
    this.#machine.reset();
  }

  restore(key: string, value: Uint8Array): void {
    if (key.startsWith(keys.application)) {
      this.#machine.restore(key.slice(keys.application.length), value);
      return;
    }
    const text = Buffer.from(value).toString("utf8");
    this.#remember(key, text);
    if (key.startsWith(keys.member)) {
      const record = decodeMemberRecord(value);
      this.#members.set(record.nodeId, record);
    } else if (key.startsWith(keys.removed)) {
      this.#removed.add(key.slice(keys.removed.length));
    } else if (key.startsWith(keys.origin)) {
      const [incarnation, lastSeq] = text.split(" ").map(Number);
      if (incarnation === undefined || lastSeq === undefined) throw unknownRecord(key);
      this.#origins.set(key.slice(keys.origin.length), { incarnation, lastSeq });
    } else if (key === keys.time) {
      this.#timeMs = Number(text);
    } else {
      throw unknownRecord(key);
    }
  }

  restored(): void {
    this.#machine.restored();
  }

  /** Everything written since the last call, in order; goes to disk with the applied index. */
  takeWrites(): readonly StateWrite[] {
    const writes = this.#writes;
    this.#writes = [];
    return writes;
  }

  /** Null when the batch was a repetition, came out of order, or its node is not a member. */
  applyBatch(bytes: Uint8Array, index: number): AppliedBatch | null {
    const batch = decodeBatch(bytes);
    const { origin, incarnation, seq } = batch;
    if (!this.#members.has(origin)) return null;
    const progress = this.progressOf(origin);
    if (incarnation < progress.incarnation) return null;
    const isNewIncarnation = incarnation > progress.incarnation;
    if (seq !== (isNewIncarnation ? 1 : progress.lastSeq + 1)) return null;
    this.#advanceTime(batch.timeMs);
    const context: CommandContext = { index, timeMs: this.#timeMs, origin };
    if (isNewIncarnation) this.#machine.nodeStarted(origin, incarnation, context, this.#writer);
    const results: unknown[] = [];
    for (const command of batch.commands) {
      if (command.tag === CommandTag.application) {
        results.push(this.#machine.apply(command.bytes, context, this.#writer));
      } else {
        this.#takeRecord(command.bytes, origin);
        results.push(null);
      }
    }
    this.#origins.set(origin, { incarnation, lastSeq: seq });
    this.#put(keys.origin + origin, `${incarnation} ${seq}`);
    return { origin, incarnation, seq, results };
  }

  /** The membership part of a committed configuration change; who votes is Raft's own state. */
  applyConfigChange(change: ConfigChange, index: number): void {
    if (change.type !== "change") return;
    const added = change.context.byteLength > 0 ? decodeMemberRecord(change.context) : null;
    for (const step of change.steps) {
      if (step.type === "remove") this.#removeMember(step.nodeId, index);
      else if (added?.nodeId === step.nodeId) this.#putMember(added, step.nodeId);
    }
  }

  /** A record that cannot be read changes nothing, on any node; a throw would end all of them. */
  #takeRecord(bytes: Uint8Array, origin: NodeId): void {
    let record: MemberRecord;
    try {
      record = decodeMemberRecord(bytes);
    } catch {
      return;
    }
    this.#putMember(record, origin);
  }

  #putMember(record: MemberRecord, origin: NodeId): void {
    if (record.nodeId !== origin) return;
    this.#members.set(record.nodeId, record);
    this.#membersRevision++;
    this.#put(
      keys.member + record.nodeId,
      Buffer.from(encodeMemberRecord(record)).toString("utf8"),
    );
  }

  #removeMember(nodeId: NodeId, index: number): void {
    if (!this.#members.delete(nodeId)) return;
    this.#membersRevision++;
    this.#origins.delete(nodeId);
    this.#removed.add(nodeId);
    this.#delete(keys.member + nodeId);
    this.#delete(keys.origin + nodeId);
    this.#put(keys.removed + nodeId, "1");
    const context: CommandContext = { index, timeMs: this.#timeMs, origin: nodeId };
    this.#machine.nodeRemoved(nodeId, context, this.#writer);
  }

  #advanceTime(timeMs: number): void {
    if (timeMs <= this.#timeMs) return;
    this.#timeMs = timeMs;
    this.#put(keys.time, String(timeMs));
  }

  #put(key: string, text: string): void {
    this.#remember(key, text);
    this.#writes.push({ key, value: Buffer.from(text) });
  }

  #delete(key: string): void {
    const old = this.#hashes.get(key);
    if (old === undefined) return;
    this.#hashes.delete(key);
    this.#digest.remove(old);
    this.#writes.push({ key, value: null });
  }

  #remember(key: string, text: string): void {
    const old = this.#hashes.get(key);
    if (old !== undefined) this.#digest.remove(old);
    const hash = hashRecord(key, text);
    this.#hashes.set(key, hash);
    this.#digest.add(hash);
  }
}

function unknownRecord(key: string): ClusterError {
  return new ClusterError("storage-corrupt", `replicated state holds an unknown record ${key}`, {
    key,
  });
}
