import type { DeviceQueries } from "../ports.ts";
import { NewsListeners } from "./feed.ts";
import { RecentChanges } from "./recent-changes.ts";

/** Listens to the devices for all feeds of them, and knows when each changed last. */
export class DeviceChanges {
  readonly devices: DeviceQueries;
  readonly recent: RecentChanges;
  readonly #listeners = new NewsListeners();
  readonly #stop: () => void;
  #replacedCount: number;
  /** Changes of a state whose place in the log is not known. */
  #unplaced = 0;

  constructor(devices: DeviceQueries, keptMax: number) {
    this.devices = devices;
    this.recent = new RecentChanges(keptMax);
    this.#replacedCount = devices.replacedCount;
    this.#stop = devices.onChanged((id) => this.#changed(id));
  }

  /**
   * Log index up to which what is read here is complete. Not above 0 while that is not known, between loading a state and the first
   * command after it: then it is another number after each change.
   */
  get index(): number {
    this.#look();
    return this.devices.index > 0 ? this.devices.index : 0 - this.#unplaced;
  }

  onNews(handler: () => void): () => void {
    return this.#listeners.add(handler);
  }

  stop(): void {
    this.#stop();
  }

  #changed(id: string): void {
    this.#look();
    const { index } = this.devices;
    if (index > 0) this.recent.record(id, index);
    else this.#unplaced++;
    this.#listeners.tell();
  }

  /** A state that was loaded begins anew: what was deleted meanwhile, it does not say. */
  #look(): void {
    const { index, replacedCount } = this.devices;
    if (replacedCount !== this.#replacedCount) {
      this.#replacedCount = replacedCount;
      this.#unplaced++;
      this.recent.clear();
    }
    if (index > 0) this.recent.begin(index);
  }
}
