import type { Cancel } from "../../cluster/ports.ts";
import { corrupt } from "../../cluster/storage/corrupt.ts";
import type { Floor } from "../../cluster/storage/floor-file.ts";
import type { LevelDisk } from "../../cluster/storage/level-disk.ts";
import type { Database } from "../../cluster/storage/level-open.ts";
import type { LogFiles } from "../../cluster/storage/log/files.ts";
import { unsealJson } from "../../cluster/storage/sealed.ts";
import type { LevelImage } from "./level-image.ts";
import { SimDatabase, type StoredOperation } from "./sim-database.ts";
import { SimLogFiles } from "./sim-log-files.ts";

export interface SimLevelDiskOptions {
  readonly image: LevelImage;
  /** Called when a write sets out for the disk. */
  readonly schedule: (run: () => void) => void;
  readonly after: (delayMs: number, run: () => void) => Cancel;
}

interface InFlight {
  readonly operations: StoredOperation[];
  readonly isSynced: boolean;
  readonly failed: (error: Error) => void;
}

const forever = new Promise<never>(() => undefined);

/** One process's hold on a simulated disk: nothing it asked for is answered once it died. */
export class SimLevelDisk implements LevelDisk {
  readonly name = "a simulated disk";
  readonly #options: SimLevelDiskOptions;
  readonly #inFlight = new Set<InFlight>();
  readonly #logFiles: SimLogFiles;
  #isDead = false;

  constructor(options: SimLevelDiskOptions) {
    this.#options = options;
    this.#logFiles = new SimLogFiles(options.image.log, options.schedule);
  }

  async lock(): Promise<{ release(): Promise<void> }> {
    return { release: () => Promise.resolve() };
  }

  async verify(): Promise<boolean> {
    const { fileDamage, isEmpty } = this.#options.image;
    if (fileDamage !== null) throw corrupt(fileDamage, null, "a checksum of the file does not fit");
    return !isEmpty;
  }

  async openDatabase(): Promise<Database> {
    return new SimDatabase(
      this.#options.image.records,
      (operations, isSynced) => this.#write(operations, isSynced),
      () => this.#isDead,
    );
  }

  logFiles(): LogFiles {
    return this.#logFiles;
  }

  async readFloor(): Promise<Floor | null> {
    const { floor } = this.#options.image;
    return floor === null ? null : unsealJson<Floor>("floor", floor);
  }

  writeFloor(floor: Floor): Promise<void> {
    if (this.#isDead) return forever;
    const { image, schedule } = this.#options;
    return new Promise((resolve) => {
      schedule(() => {
        image.setFloor(floor);
        resolve();
      });
    });
  }

  async scrubFiles(): Promise<void> {}

  after(delayMs: number, run: () => void): Cancel {
    return this.#options.after(delayMs, run);
  }

  /** As with kill -9, or a power cut: what is on its way is lost, or kept without anybody learning of it. */
  crash(inFlight: "lost" | "kept"): void {
    this.#isDead = true;
    const { image } = this.#options;
    if (inFlight === "kept") {
      for (const { operations, isSynced } of this.#inFlight) image.write(operations, isSynced);
    }
    this.#inFlight.clear();
    this.#logFiles.crash(inFlight);
    image.powerCut();
  }

  /** The write under way fails, and every later one. */
  fail(error: Error): void {
    const failing = [...this.#inFlight];
    this.#inFlight.clear();
    this.#isDead = true;
    this.#logFiles.fail(error);
    for (const { failed } of failing) failed(error);
  }

  #write(operations: StoredOperation[], isSynced: boolean): Promise<void> {
    if (this.#isDead) return forever;
    const { image, schedule } = this.#options;
    return new Promise((resolve, failed) => {
      const one: InFlight = { operations, isSynced, failed };
      this.#inFlight.add(one);
      schedule(() => {
        if (!this.#inFlight.delete(one)) return;
        image.write(operations, isSynced);
        resolve();
      });
    });
  }
}
