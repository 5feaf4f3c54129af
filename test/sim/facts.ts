import type { NodeId } from "../../cluster/node-id.ts";
import type { Message } from "../../cluster/raft/messages.ts";
import type {
  Configuration,
  Entry,
  LogIndex,
  SnapshotPoint,
  Term,
} from "../../cluster/raft/types.ts";
import { DeviceFacts } from "./device-facts.ts";
import type { DurableImage } from "./durable-image.ts";
import type { LogImage } from "./log-image.ts";
import { hashBytes } from "./seeded.ts";

/** A broken promise, with the name of the promise. */
export class Violation extends Error {
  readonly promise: string;

  constructor(promise: string, what: string) {
    super(`${promise}: ${what}`);
    this.name = "Violation";
    this.promise = promise;
  }
}

export function hashEntry({ term, type, data }: Entry): number {
  return hashBytes(data, term * 4 + type);
}

export interface EffectOfWrite {
  readonly text: string;
  readonly process: string;
  readonly sequence: number;
  /** False: a compare-and-set that found another version. */
  readonly isWritten: boolean;
}

interface Committed {
  readonly term: Term;
  readonly hash: number;
}

const indexesPerTerm = 2 ** 28;

/** Counted here once more, since the product's own counting is under test. */
function isMajority(voters: readonly NodeId[], isAgreeing: (nodeId: NodeId) => boolean): boolean {
  let agreeing = 0;
  for (const voter of voters) if (isAgreeing(voter)) agreeing++;
  return voters.length === 0 || 2 * agreeing > voters.length;
}

export function isQuorum(
  { voters, votersOutgoing }: Configuration,
  isAgreeing: (nodeId: NodeId) => boolean,
): boolean {
  return isMajority(voters, isAgreeing) && isMajority(votersOutgoing, isAgreeing);
}

/** Who changes it afterwards throws, and so is found. */
function freeze(configuration: Configuration): void {
  for (const list of Object.values(configuration)) Object.freeze(list);
  Object.freeze(configuration);
}

/** What a whole simulated cluster has said, stored and agreed on. Every method checks promises of `consensus.md` 6.3. */
export class Facts {
  readonly disks = new Map<NodeId, DurableImage>();
  /** Every change of configuration that a leader appended. */
  readonly changes: { readonly index: LogIndex; readonly term: Term }[] = [];
  readonly #leaders = new Map<Term, NodeId>();
  readonly #votes = new Map<string, NodeId>();
  readonly #entries = new Map<number, { readonly before: Term; readonly hash: number }>();
  readonly #committed: (Committed | undefined)[] = [];
  readonly #digests: (string | undefined)[] = [];
  readonly #times: (number | undefined)[] = [];
  readonly #configurations = new Map<LogIndex, Configuration>();
  readonly #texts = new WeakMap<Configuration, string>();
  /** Value of a client -> the index at which it was applied. */
  readonly values = new Map<string, LogIndex>();
  /** Value of a compare-and-set that found another version -> the index at which it did. */
  readonly #refused = new Map<string, LogIndex>();
  /** Key and version -> the value that has it. */
  readonly #versions = new Map<string, string>();
  readonly #lastOfProcess = new Map<string, number>();
  #valuesIndex = 0;
  #valuesFrom: object | null = null;
  #timeMs = 0;
  newestTerm: Term = 0;
  committedIndex: LogIndex = 0;
  /** Up to here `Rules` found the log durable on a quorum. */
  judgedIndex: LogIndex = 0;
  snapshotsInstalled = 0;
  compactions = 0;
  /** The first broken promise; the simulation ends with it. */
  violation: Violation | null = null;

  /** `what` is a function where so many demands are made that their texts would cost more than they do. */
  readonly demand = (isTrue: boolean, promise: string, what: string | (() => string)): void => {
    if (isTrue) return;
    this.violation ??= new Violation(promise, typeof what === "string" ? what : what());
  };

  /** What the log says of devices. */
  readonly devices = new DeviceFacts({
    demand: this.demand,
    hasVersion: (key, version, text) => this.hasVersion(key, version, text),
    took: (index, value) => this.#took(index, value),
  });

  /** Of the newest entry that any node applied. */
  get committedTerm(): Term {
    return this.#committed[this.committedIndex]?.term ?? 0;
  }

  /** Whether some node has this entry in its log, or had. */
  knows({ index, term }: Entry): boolean {
    return this.#entries.has(term * indexesPerTerm + index);
  }

  get leaderCount(): number {
    return this.#leaders.size;
  }

  /** Of the newest term that had one. */
  get leader(): NodeId | null {
    return this.#leaders.get(this.newestTerm) ?? null;
  }

  /** Election safety and leader completeness, at a leader's first word. */
  leads(nodeId: NodeId, term: Term, log: LogImage): void {
    const known = this.#leaders.get(term);
    if (known === nodeId) return;
    this.demand(known === undefined, "election safety", `${known} and ${nodeId} lead term ${term}`);
    this.#leaders.set(term, nodeId);
    if (term > this.newestTerm) this.newestTerm = term;
    const disk = this.disks.get(nodeId);
    const hasOwnVote = disk?.hardState.term === term && disk.hardState.vote === nodeId;
    this.demand(
      hasOwnVote || (disk?.hardState.term ?? 0) > term,
      "vote before campaign",
      `${nodeId} leads term ${term} without a durable vote for itself`,
    );
    if (term < this.newestTerm) return;
    const index = this.committedIndex;
    const isComplete = log.baseIndex >= index || log.termAt(index) === this.#committed[index]?.term;
    this.demand(
      isComplete,
      "leader completeness",
      `${nodeId} leads term ${term} without index ${index}`,
    );
  }

  /** Everything that rests on the disk must be durable when it is said. */
  said(nodeId: NodeId, message: Message): void {
    const disk = this.disks.get(nodeId);
    if (disk === undefined) return;
    const { term, vote } = disk.hardState;
    if (message.type === "vote") {
      const isDurable = term > message.term || (term === message.term && vote === nodeId);
      this.demand(isDurable, "vote before campaign", `${nodeId} asks in term ${message.term}`);
    } else if (message.type === "voteResponse" && !message.rejected) {
      const isDurable = term > message.term || (term === message.term && vote === message.to);
      this.demand(isDurable, "vote durable when given", `${nodeId} in term ${message.term}`);
      const key = `${message.term} ${nodeId}`;
      const before = this.#votes.get(key) ?? message.to;
      this.demand(
        before === message.to,
        "one vote per term",
        `${nodeId} in term ${message.term} for ${before} and ${message.to}`,
      );
      this.#votes.set(key, before);
    } else if (message.type === "appendResponse" && !message.rejected && message.term === term) {
      this.demand(
        disk.log.lastIndex >= message.index,
        "durable when acknowledged",
        () => `${nodeId} confirms ${message.index}, its disk holds ${disk.log.lastIndex}`,
      );
    }
  }

  /** Log matching: index and term name one entry, and by its predecessor's term all before it. */
  logged(previousTerm: Term | undefined, entries: readonly Entry[]): void {
    let before = previousTerm;
    for (const entry of entries) {
      if (before !== undefined) {
        const key = entry.term * indexesPerTerm + entry.index;
        const hash = hashEntry(entry);
        const known = this.#entries.get(key);
        if (known === undefined) this.#entries.set(key, { before, hash });
        else {
          this.demand(
            known.before === before && known.hash === hash,
            "log matching",
            () => `index ${entry.index} of term ${entry.term} is two entries`,
          );
        }
      }
      before = entry.term;
    }
  }

  /** A node applied everything up to `index`: the same as all others, and durable on a quorum before the first did. */
  applied(
    nodeId: NodeId,
    from: LogIndex,
    index: LogIndex,
    log: LogImage,
    configurations: readonly Configuration[],
  ): void {
    for (let at = from; at <= index; at++) {
      const mark = log.at(at);
      if (mark === undefined) {
        this.demand(at <= log.baseIndex, "log", `${nodeId} applied ${at} without holding it`);
        continue;
      }
      const known = this.#committed[at];
      if (known === undefined) this.#committed[at] = mark;
      else {
        this.demand(
          known.term === mark.term && known.hash === mark.hash,
          "committed is immutable",
          () => `${nodeId} applied another entry at ${at} (term ${mark.term}, was ${known.term})`,
        );
      }
    }
    if (index <= this.committedIndex) return;
    this.committedIndex = index;
    // Judged when a leader told it, by the members of that moment; a change may have been applied since.
    if (index <= this.judgedIndex) return;
    const term = log.termAt(index) ?? 0;
    const isDurable = configurations.some((configuration) =>
      isQuorum(configuration, (voter) => this.disks.get(voter)?.holds(index, term) === true),
    );
    this.demand(
      isDurable,
      "durable on a quorum when applied",
      `${nodeId} applied ${index} of term ${term}`,
    );
  }

  /** A log or a state begins anew behind `point`: that is the committed entry, under the configuration of then. */
  beginsAfter(nodeId: NodeId, { index, term, configuration }: SnapshotPoint): void {
    const known = this.#committed[index];
    this.demand(
      known === undefined || known.term === term,
      "log matching",
      `${nodeId} begins behind ${index} of term ${term}, committed is term ${known?.term}`,
    );
    this.configured(index, configuration);
  }

  /** Every node computes the same configuration from the log. */
  configured(index: LogIndex, configuration: Configuration): void {
    if (!Object.isFrozen(configuration)) freeze(configuration);
    const known = this.#configurations.get(index);
    if (known === undefined) this.#configurations.set(index, configuration);
    else {
      const isSame = known === configuration || this.#textOf(known) === this.#textOf(configuration);
      this.demand(isSame, "same configuration", () => `index ${index} has two`);
    }
  }

  /** Most indexes share one configuration. It is frozen, so that it stays what it was when it was first seen. */
  #textOf(configuration: Configuration): string {
    const known = this.#texts.get(configuration);
    if (known !== undefined) return known;
    const text = JSON.stringify(configuration);
    this.#texts.set(configuration, text);
    return text;
  }

  /** The log's clock says the same at the same index, on every node and also after a restart. */
  hasTime(nodeId: NodeId, index: LogIndex, timeMs: number): void {
    const known = this.#times[index];
    if (known === undefined) this.#times[index] = timeMs;
    else {
      const isSame = known === timeMs;
      this.demand(isSame, "one time per index", () => `${nodeId} has another at ${index}`);
    }
  }

  /** The content of a replica after the command at `index`. */
  digest(nodeId: NodeId, index: LogIndex, digest: string): void {
    const known = this.#digests[index];
    if (known === undefined) this.#digests[index] = digest;
    else {
      const isSame = known === digest;
      this.demand(isSame, "state machine safety", () => `${nodeId} differs at ${index}`);
    }
  }

  /** The content of a replica that was loaded from a disk at `index`: that of the newest command up to there. */
  restoredDigest(nodeId: NodeId, index: LogIndex, digest: string): void {
    let at = index;
    while (at > 0 && this.#digests[at] === undefined) at--;
    if (at > 0) this.digest(nodeId, at, digest);
  }

  /** A version stands for one value of its key, on every node. */
  hasVersion(key: string, version: number, text: string): void {
    const name = `${key} ${version}`;
    const known = this.#versions.get(name);
    if (known === undefined) this.#versions.set(name, text);
    else {
      const isSame = known === text;
      this.demand(isSame, "one value per version", () => `${name} is ${known} and ${text}`);
    }
  }

  valueAt(key: string, version: number): string | null {
    return this.#versions.get(`${key} ${version}`) ?? null;
  }

  /** A client's value takes effect, which every node tells. */
  takesEffect(by: object, index: LogIndex, timeMs: number, value: EffectOfWrite): void {
    if (this.isFirst(by, index, timeMs)) this.#took(index, value);
  }

  /** Whether nobody has applied this entry before. */
  isFirst(by: object, index: LogIndex, timeMs: number): boolean {
    if (index > this.#valuesIndex) {
      this.#valuesIndex = index;
      this.#valuesFrom = by;
      this.demand(timeMs >= this.#timeMs, "the log's time never goes back", `index ${index}`);
      this.#timeMs = timeMs;
    }
    return index === this.#valuesIndex && by === this.#valuesFrom;
  }

  /** Once, and after what its node proposed before. */
  #took(index: LogIndex, value: EffectOfWrite): void {
    const before = this.values.get(value.text) ?? this.#refused.get(value.text);
    this.demand(before === undefined, "exactly once", `${value.text} at ${before} and ${index}`);
    (value.isWritten ? this.values : this.#refused).set(value.text, index);
    const last = this.#lastOfProcess.get(value.process) ?? 0;
    this.demand(
      value.sequence > last,
      "order of a node's proposals",
      `${value.text} came after number ${last} of ${value.process}`,
    );
    this.#lastOfProcess.set(value.process, value.sequence);
  }
}
