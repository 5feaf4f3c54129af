import type { Cancel } from "../ports.ts";
import { defaultGroup, type LogIndex } from "../raft/types.ts";
import type { DurablePoint } from "./floor-file.ts";
import type { LevelDisk } from "./level-disk.ts";

const intervalMs = 1_000;
const entriesMax = 1_000;

/**
 * Keeps the floor at most a second or a thousand entries behind what is durable, beside the write streams:
 * a late floor only means that a loss within that second is noticed by the leader instead of at open.
 */
export class FloorKeeper {
  readonly #disk: LevelDisk;
  readonly #failed: (error: Error) => void;
  #durable: DurablePoint;
  #written: DurablePoint;
  #writing: Promise<void> | null = null;
  #timer: Cancel | null = null;
  #isClosed = false;

  constructor(disk: LevelDisk, written: DurablePoint, failed: (error: Error) => void) {
    this.#disk = disk;
    this.#durable = written;
    this.#written = written;
    this.#failed = failed;
  }

  /** Number of the log's batch that the floor on disk stands for. */
  get writtenSequence(): number {
    return this.#written.sequence;
  }

  advance(point: Partial<DurablePoint>): void {
    this.#durable = { ...this.#durable, ...point };
    this.#follow();
  }

  #follow(): void {
    if (this.#writing !== null || this.#isClosed) return;
    if (distance(this.#durable.lastIndex, this.#written.lastIndex) >= entriesMax) this.#write();
    else this.#timer ??= this.#disk.after(intervalMs, () => this.#write());
  }

  /** Brings the floor up to what is durable. */
  async close(): Promise<void> {
    await this.abandon();
    if (this.#written !== this.#durable) await this.#store(this.#durable);
  }

  /** Stops where it is: after a failed write nothing more is claimed. */
  async abandon(): Promise<void> {
    this.#isClosed = true;
    this.#stopTimer();
    await this.#writing;
  }

  #write(): void {
    this.#stopTimer();
    if (this.#writing !== null || this.#written === this.#durable) return;
    this.#writing = this.#store(this.#durable).then(
      () => this.#wrote(),
      (error: Error) => {
        this.#writing = null;
        this.#failed(error);
      },
    );
  }

  async #store(point: DurablePoint): Promise<void> {
    await this.#disk.writeFloor({ group: defaultGroup, ...point });
    this.#written = point;
  }

  #wrote(): void {
    this.#writing = null;
    if (this.#written !== this.#durable) this.#follow();
  }

  #stopTimer(): void {
    this.#timer?.();
    this.#timer = null;
  }
}

function distance(one: LogIndex, other: LogIndex): number {
  return Math.abs(one - other);
}
