import type { Cancel } from "../../cluster/ports.ts";
import { LevelStorage } from "../../cluster/storage/level-storage.ts";
import { MemoryStorage } from "../../cluster/storage/memory-storage.ts";
import type { ClusterStorage, StorageOptions } from "../../cluster/storage/storage.ts";
import { DurableImage } from "./durable-image.ts";
import type { Facts } from "./facts.ts";
import { LevelImage } from "./level-image.ts";
import { ObservedDisk } from "./observed-disk.ts";
import type { Seeded } from "./seeded.ts";
import { SimLevelDisk } from "./sim-level-disk.ts";

/** A disk lost something that it had confirmed, or what it holds was changed. */
export interface Damage {
  readonly what: string;
  /** False: only if it reaches below what the floor stands for. */
  readonly isAlwaysNoticed: boolean;
}

/** One process's storage, and how it ends. */
export interface DiskAccess {
  readonly storage: ClusterStorage;
  crash(inFlight: "lost" | "kept"): void;
  fail(error: Error): void;
}

export interface AccessOptions extends StorageOptions {
  readonly schedule: (run: () => void) => void;
  readonly after: (delayMs: number, run: () => void) => Cancel;
}

/** The disk of a node: kept by the memory storage, or by the code that keeps LevelDB, which costs more time. */
export class SimDisk {
  readonly durable: DurableImage;
  readonly level: LevelImage | null;
  readonly #memory: ObservedDisk;
  damage: Damage | null = null;

  constructor(facts: Facts, nodeId: string, random: Seeded | null) {
    this.durable = new DurableImage(facts, nodeId);
    this.#memory = new ObservedDisk(this.durable);
    this.level = random && new LevelImage(this.durable, random);
  }

  access({ schedule, after, onFailure }: AccessOptions): DiskAccess {
    if (this.level === null) {
      const storage = new MemoryStorage(schedule, { onFailure }, this.#memory);
      const crash = (inFlight: "lost" | "kept"): void => storage.crash(inFlight);
      return { storage, crash, fail: (error) => storage.fail(error) };
    }
    const disk = new SimLevelDisk({ image: this.level, schedule, after });
    return {
      storage: new LevelStorage(disk, { onFailure }),
      crash: (inFlight) => disk.crash(inFlight),
      fail: (error) => {
        disk.fail(error);
        onFailure(error);
      },
    };
  }
}
