import { stat } from "node:fs/promises";
import type { Cancel, Clock } from "#cluster";
import { accessLimits } from "./limits.ts";

/**
 * Tells when files were replaced or rewritten. Looks by itself, since notices of the system miss mounted volumes and links that are
 * exchanged; a change counts when it is the same at two looks, so that no half-written file is taken for a whole one.
 */
export class FileWatch {
  readonly #paths: readonly string[];
  readonly #clock: Clock;
  readonly #onChanged: () => void;
  #taken: string | null = null;
  #seen: string | null = null;
  #cancel: Cancel | null = null;

  constructor(paths: readonly string[], clock: Clock, onChanged: () => void) {
    this.#paths = paths;
    this.#clock = clock;
    this.#onChanged = onChanged;
  }

  /** What the files are by now counts as known. Started anew it goes on. */
  async start(): Promise<void> {
    this.stop();
    this.#taken = await this.#signature();
    this.#seen = this.#taken;
    this.#wait();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #wait(): void {
    this.#cancel = this.#clock.after(accessLimits.filesCheckMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const signature = await this.#signature();
    // Stopped meanwhile.
    if (this.#cancel === null) return;
    if (signature !== this.#taken && signature === this.#seen) {
      this.#taken = signature;
      this.#onChanged();
    }
    this.#seen = signature;
    this.#wait();
  }

  async #signature(): Promise<string> {
    const parts = this.#paths.map(async (path) => {
      try {
        const { ino, size, mtimeMs, ctimeMs } = await stat(path);
        return `${ino}:${size}:${mtimeMs}:${ctimeMs}`;
      } catch {
        return "none";
      }
    });
    return (await Promise.all(parts)).join(" ");
  }
}
