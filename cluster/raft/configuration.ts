import type { NodeId } from "../node-id.ts";
import { invariant } from "./invariant.ts";
import type { Configuration, LogIndex } from "./types.ts";

export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0;
}

export function isVoter(configuration: Configuration, nodeId: NodeId): boolean {
  return configuration.voters.includes(nodeId) || configuration.votersOutgoing.includes(nodeId);
}

/** Everyone that gets entries, sorted. */
export function membersOf(configuration: Configuration): readonly NodeId[] {
  const { voters, votersOutgoing, learners } = configuration;
  return [...new Set([...voters, ...votersOutgoing, ...learners])].sort();
}

/** Which configuration was in force at which index, from the log's base on; compaction needs the one at its point. */
export class ConfigurationHistory {
  #changes: { readonly index: LogIndex; readonly configuration: Configuration }[];

  constructor(index: LogIndex, configuration: Configuration) {
    this.#changes = [{ index, configuration }];
  }

  get base(): Configuration {
    return this.#changes[0]!.configuration;
  }

  get current(): Configuration {
    return this.#changes.at(-1)!.configuration;
  }

  get lastChangeIndex(): LogIndex {
    return this.#changes.at(-1)!.index;
  }

  record(index: LogIndex, configuration: Configuration): void {
    invariant(index > this.lastChangeIndex, "configurations change in log order", { index });
    this.#changes.push({ index, configuration });
  }

  compactTo(index: LogIndex): void {
    const inForce = this.#changes.findLastIndex((change) => change.index <= index);
    this.#changes.splice(0, Math.max(inForce, 0));
  }

  restart(index: LogIndex, configuration: Configuration): void {
    this.#changes = [{ index, configuration }];
  }
}
