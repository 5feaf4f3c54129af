import type { OnceMark, StateWriter } from "../../cluster/state-machine.ts";
import type { StateWrite } from "../../cluster/storage/storage.ts";
import { WaitingEffects } from "../../cluster/storage/waiting-effects.ts";
import { RecordStore } from "./replica-model.ts";

const configuration = { voters: [], votersOutgoing: [], learners: [], learnersNext: [] };

/**
 * The records of one replica as a node keeps them: what its entries have done is gathered first, and a crash takes what was not
 * flushed. Notes in `faults` what a replica says about records and is not so.
 */
export class GatheringDisk implements StateWriter {
  readonly faults: string[] = [];
  store = new RecordStore();
  appliedIndex = 0;
  #effects = new WaitingEffects();
  #writes: StateWrite[] = [];
  /** What the state has, on the disk or on the way to it. */
  #keys = new Set<string>();

  put(key: string, value: Uint8Array, isNew = false): void {
    if (isNew === this.#keys.has(key))
      this.faults.push(`${key} was put as ${isNew ? "new" : "known"}`);
    this.#keys.add(key);
    this.#writes.push({ key, value: Uint8Array.from(value), isNew });
  }

  putOnce(key: string, value: Uint8Array): OnceMark {
    if (this.#keys.has(key)) this.faults.push(`${key} was put once, and is there`);
    this.#keys.add(key);
    const once = { waiting: null };
    this.#writes.push({ key, value: Uint8Array.from(value), isNew: true, once });
    return once;
  }

  delete(key: string, mark: OnceMark = null): void {
    if (!this.#keys.delete(key)) this.faults.push(`${key} was deleted, and is not there`);
    this.#writes.push(mark === null ? { key, value: null } : { key, value: null, once: mark });
  }

  /** The entry at `index` was applied. */
  applied(index: number): void {
    const writes = this.#writes;
    this.#writes = [];
    this.#effects.add({ index, term: 1, configuration, writes }, () => {});
  }

  flush(): void {
    const gathered = this.#effects.take();
    if (gathered === null) return;
    if (this.#effects.sizeBytes !== 0) this.faults.push("something is counted and does not wait");
    for (const { key, value } of gathered.applied.writes) {
      if (value === null) this.store.delete(key);
      else this.store.put(key, value);
    }
    this.appliedIndex = gathered.applied.index;
  }

  /** What waits is lost. */
  crash(): void {
    this.#effects = new WaitingEffects();
    this.#writes = [];
    this.#keys = new Set(this.store.records.keys());
  }

  /** A snapshot of another replica takes the place of everything. */
  install(records: ReadonlyMap<string, Uint8Array>, index: number): void {
    this.flush();
    this.store = new RecordStore();
    for (const [key, value] of records) this.store.put(key, value);
    this.appliedIndex = index;
    this.#keys = new Set(records.keys());
  }
}
