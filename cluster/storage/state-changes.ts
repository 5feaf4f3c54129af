import { defaultGroup, type SnapshotPoint } from "../raft/types.ts";
import { groupKey, prefix, statePrefix } from "./keys.ts";
import type { AppliedRecord, SnapshotRecord } from "./records.ts";
import { seal } from "./sealed.ts";
import type { StateBatch } from "./state-batch.ts";
import type { AppliedEffects, NodeRecord, StateWrite } from "./storage.ts";

/** Turns changes to the state into operations, in the order in which they are handed over. */
export class StateChanges {
  #generation: number;
  #stagingGeneration: number | null = null;
  #generationMax: number;
  #statePrefix: string;

  constructor(generation: number) {
    this.#generation = generation;
    this.#generationMax = generation;
    this.#statePrefix = statePrefix(defaultGroup, generation);
  }

  /** Of the state as of what was handed over. */
  get generation(): number {
    return this.#generation;
  }

  get isStaging(): boolean {
    return this.#stagingGeneration !== null;
  }

  /** A number no earlier generation has, and the unfinished one that it replaces. */
  beginStaging(): number | null {
    const abandoned = this.#stagingGeneration;
    this.#generationMax++;
    this.#stagingGeneration = this.#generationMax;
    return abandoned;
  }

  stage(records: readonly StateWrite[], batch: StateBatch): void {
    putState(records, statePrefix(defaultGroup, this.#stagingGeneration!), batch, false);
  }

  /** The staged generation becomes the live one; `chain` is that of the log at `point`. Answers the generation that is no longer needed. */
  install(point: SnapshotPoint, chain: string, batch: StateBatch): number {
    const dropped = this.#generation;
    this.#generation = this.#stagingGeneration!;
    this.#stagingGeneration = null;
    this.#statePrefix = statePrefix(defaultGroup, this.#generation);
    batch.record(groupKey("generation", defaultGroup), this.#generation);
    this.putPoint(point, chain, batch);
    putApplied(point, batch);
    return dropped;
  }

  /** `isUnchanging`: nobody changes the values afterwards. */
  apply(effects: AppliedEffects, batch: StateBatch, isUnchanging: boolean): void {
    putState(effects.writes, this.#statePrefix, batch, isUnchanging);
    putApplied(effects, batch);
  }

  /** State stands for the log up to `point`, where its chain is `chain`. */
  putPoint({ index, term, configuration }: SnapshotPoint, chain: string, batch: StateBatch): void {
    const record: SnapshotRecord = { index, term, configuration, chain };
    batch.record(groupKey("snapshot", defaultGroup), record);
  }

  putNode(record: NodeRecord, batch: StateBatch): void {
    batch.record(prefix.node, record);
  }
}

function putApplied({ index, term, configuration }: AppliedRecord, batch: StateBatch): void {
  const record: AppliedRecord = { index, term, configuration };
  batch.record(groupKey("applied", defaultGroup), record);
}

function putState(
  writes: readonly StateWrite[],
  start: string,
  batch: StateBatch,
  isUnchanging: boolean,
): void {
  for (const { key: name, value } of writes) {
    const key = start + name;
    if (value === null) batch.delete(key);
    else if (isUnchanging) batch.putSealed(key, value);
    else batch.put(key, seal(key, value));
  }
}
