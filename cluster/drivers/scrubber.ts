import { ClusterError } from "../errors.ts";
import type { Cancel, Clock, Counters, Log } from "../ports.ts";
import type { ClusterStorage } from "../storage/storage.ts";

export interface ScrubberOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly storage: ClusterStorage;
  /** 0 or left out: never. */
  readonly scrubIntervalMs?: number | undefined;
  /** Reads the replicated state from the disk; answers what is wrong with it, or null. */
  readonly checkState: (pause: () => Promise<void>) => Promise<string | null>;
  readonly damaged: (error: ClusterError) => void;
}

/** After each piece of about 128 KiB: some 6 MB/s, which leaves the disk to the clients. */
const pauseMs = 20;

/** Now and then reads everything that is on the disk, so that damage is found while the others can still repair it. */
export class Scrubber {
  readonly #options: ScrubberOptions;
  #cancel: Cancel | null = null;
  #isStopped = false;

  constructor(options: ScrubberOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, scrubIntervalMs = 0 } = this.#options;
    if (scrubIntervalMs === 0 || this.#isStopped) return;
    this.#cancel = clock.after(scrubIntervalMs, () => void this.#round());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  async #round(): Promise<void> {
    const { log, counters, damaged } = this.#options;
    try {
      const damage = await this.#damage();
      if (this.#isStopped) return;
      counters.add("storage_scrubs");
      if (damage !== null) {
        counters.add("storage_scrubs_damaged");
        damaged(damage);
      }
    } catch (error) {
      if (!this.#isStopped) log.warn({ error }, "the disk could not be checked");
    }
    this.start();
  }

  async #damage(): Promise<ClusterError | null> {
    const { storage, checkState, clock } = this.#options;
    const pause = (): Promise<void> => {
      // Ends a round under way early: the storage is about to close.
      if (this.#isStopped) throw new ClusterError("stopped", "the node is stopping");
      return new Promise((resolve) => {
        clock.after(pauseMs, resolve);
      });
    };
    try {
      await storage.scrub?.(pause);
    } catch (error) {
      if (error instanceof ClusterError && error.code === "storage-corrupt") return error;
      throw error;
    }
    const damage = await checkState(pause);
    return damage === null ? null : new ClusterError("storage-corrupt", damage);
  }
}
