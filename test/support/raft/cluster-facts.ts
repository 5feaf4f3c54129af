import { isQuorum } from "../../../cluster/raft/quorum.ts";
import type { RaftStatus } from "../../../cluster/raft/ready.ts";
import type { Configuration, Entry, LogIndex, Term } from "../../../cluster/raft/types.ts";
import { nodeNumber } from "./nodes.ts";
import type { AppliedState, SimulatedDisk } from "./simulated-disk.ts";

function demand(condition: boolean, claim: string): void {
  if (!condition) {
    throw new Error(`broken: ${claim}`);
  }
}

/** A quorum that nobody can be. */
const nobody: Configuration = {
  voters: ["nobody"],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
};

/** What the whole simulated cluster has ever agreed on; each method checks one promise of consensus. */
export class ClusterFacts {
  readonly #leaders = new Map<Term, string>();
  readonly #written = new Map<string, string>();
  readonly #committed = new Map<LogIndex, string>();
  readonly #configurations = new Map<
    LogIndex,
    { readonly before: Configuration; readonly configuration: Configuration }
  >();
  readonly #digests = new Map<LogIndex, number>();
  committedIndex = 0;

  /** Election safety: at most one leader in a term. */
  sawStatus({ role, term, nodeId }: RaftStatus): void {
    if (role === "leader") {
      const leader = this.#leaders.get(term) ?? nodeId;
      demand(leader === nodeId, `term ${term} has leaders ${leader} and ${nodeId}`);
      this.#leaders.set(term, nodeId);
    }
  }

  /** Log matching: index and term name one entry and, by its predecessor's term, all that precede it. */
  sawEntries(previousTerm: Term | undefined, entries: readonly Entry[]): void {
    let before = previousTerm;
    for (const entry of entries) {
      if (before !== undefined) {
        const key = `${entry.index}@${entry.term}`;
        const content = `${before} ${entry.type} ${Buffer.from(entry.data).toString("hex")}`;
        demand((this.#written.get(key) ?? content) === content, `${key} means two entries`);
        this.#written.set(key, content);
      }
      before = entry.term;
    }
  }

  /**
   * State-machine safety, and durability: when an entry is applied for the first time anywhere, a quorum of the
   * configuration in force must hold it on disk, or of the one before, if its leader had not applied the change yet.
   */
  applied(
    entry: Entry,
    before: number,
    configuration: Configuration,
    disks: ReadonlyMap<string, SimulatedDisk>,
  ): number {
    const { index, term } = entry;
    const content = `${term} ${entry.type} ${Buffer.from(entry.data).toString("hex")}`;
    const known = this.#committed.get(index);
    if (known === undefined) {
      demand(
        [configuration, this.#previousConfiguration(index)].some((candidate) =>
          isQuorum(candidate, (nodeId) => disks.get(nodeId)?.holds(index, term) === true),
        ),
        `${index}@${term} is applied and not durable on a quorum`,
      );
      this.#committed.set(index, content);
      this.committedIndex = Math.max(this.committedIndex, index);
    }
    demand((known ?? content) === content, `index ${index} is applied as two entries`);
    const digest = [...content].reduce(
      (sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) | 0,
      before,
    );
    demand((this.#digests.get(index) ?? digest) === digest, `states differ at ${index}`);
    this.#digests.set(index, digest);
    return digest;
  }

  /** Every node computes the same configuration from the log. */
  configured(index: LogIndex, before: Configuration, configuration: Configuration): void {
    const known = this.#configurations.get(index)?.configuration ?? configuration;
    const isSame = JSON.stringify(known) === JSON.stringify(configuration);
    demand(isSame, `configurations differ at ${index}`);
    this.#configurations.set(index, { before, configuration });
  }

  #previousConfiguration(index: LogIndex): Configuration {
    const changes = [...this.#configurations]
      .filter(([at]) => at < index)
      .sort((a, b) => b[0] - a[0]);
    return changes[0]?.[1].before ?? nobody;
  }

  installed(nodeId: string, { point, digest }: AppliedState): void {
    const known = this.#digests.get(point.index) ?? digest;
    demand(known === digest, `n${nodeNumber(nodeId)} installed a state that is not ${point.index}`);
  }

  /** Linearizable reads: nothing applied anywhere before the request may be missed. */
  read(floor: LogIndex, index: LogIndex): void {
    demand(index >= floor, `a read at ${index} misses what was applied at ${floor}`);
  }
}
