import type { NodeId } from "../node-id.ts";
import type { Cancel, Clock, Log } from "../ports.ts";
import type { Transport } from "../transport/transport.ts";

/** Of the file system that holds the data directory. */
export interface DiskSpace {
  /** What this process may still use. */
  readonly freeSizeBytes: number;
  readonly totalSizeBytes: number;
}

export interface DiskWatchOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  /** Left out: the disk is not watched. */
  readonly diskSpace?: (() => Promise<DiskSpace>) | undefined;
  /** 0 = none; null or left out: 5 % of the file system, at most 256 MiB. */
  readonly diskReserveSizeBytes?: number | null | undefined;
  readonly isLeader: () => boolean;
  /** Other voters that are up. */
  readonly successors: () => readonly NodeId[];
  readonly transfer: (to: NodeId) => Promise<unknown>;
}

const diskRequestKind = "disk";
const roundMs = 5000;
const answerTimeoutMs = 1000;
const reservePart = 0.05;
const reserveSizeBytesMax = 256 * 1024 * 1024;
/** Room again means this much more than the reserve, so that the alarm does not flicker. */
const recoveryFactor = 1.1;

/**
 * Looks at the free disk space. Below the reserve the node takes no writes of its own clients any more, while there is still room for
 * what the others commit, and leads no longer if a voter with room can: a full disk ends the process.
 */
export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #isLow = false;
  #isUnreadable = false;
  #freeSizeBytes = 0;
  #cancel: Cancel | null = null;
  #isStopped = false;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  get isLow(): boolean {
    return this.#isLow;
  }

  start(): void {
    if (this.#options.diskSpace !== undefined) void this.#round();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  gauges(): readonly (readonly [string, number])[] {
    return [
      ["disk_low", this.#isLow ? 1 : 0],
      ["disk_free_bytes", this.#freeSizeBytes],
    ];
  }

  /** Answers a request of another node, or null when `kind` is not this one. */
  onRequest(kind: string): Promise<Uint8Array> | null {
    return kind === diskRequestKind ? Promise.resolve(Uint8Array.of(this.#isLow ? 1 : 0)) : null;
  }

  async #round(): Promise<void> {
    await this.#look();
    if (this.#isStopped) return;
    if (this.#isLow && this.#options.isLeader()) await this.#handOver();
    if (this.#isStopped) return;
    this.#cancel = this.#options.clock.after(roundMs, () => void this.#round());
  }

  async #look(): Promise<void> {
    const { diskSpace, log } = this.#options;
    let space: DiskSpace | undefined;
    try {
      space = await diskSpace?.();
      this.#isUnreadable = false;
    } catch (error) {
      if (!this.#isUnreadable) log.warn({ error }, "the free disk space cannot be read");
      this.#isUnreadable = true;
    }
    if (space !== undefined) this.#judge(space);
  }

  #judge({ freeSizeBytes, totalSizeBytes }: DiskSpace): void {
    const { log, diskReserveSizeBytes } = this.#options;
    const reserveSizeBytes =
      diskReserveSizeBytes ?? Math.min(totalSizeBytes * reservePart, reserveSizeBytesMax);
    this.#freeSizeBytes = freeSizeBytes;
    const facts = { freeSizeBytes, reserveSizeBytes: Math.round(reserveSizeBytes) };
    if (!this.#isLow && freeSizeBytes < reserveSizeBytes) {
      this.#isLow = true;
      log.warn(facts, "the disk is nearly full: this node takes no writes of its clients");
    } else if (this.#isLow && freeSizeBytes >= reserveSizeBytes * recoveryFactor) {
      this.#isLow = false;
      log.info(facts, "the disk has room again: this node takes writes");
    }
  }

  async #handOver(): Promise<void> {
    const { transport, successors, transfer, log } = this.#options;
    for (const nodeId of successors()) {
      try {
        const answer = await transport.request(
          nodeId,
          diskRequestKind,
          new Uint8Array(0),
          answerTimeoutMs,
        );
        if (answer[0] !== 0) continue;
        await transfer(nodeId);
        log.info({ to: nodeId }, "leadership handed to a node with room on its disk");
        return;
      } catch {
        // It did not answer or could not take over: another one may, or the same in the next round.
      }
    }
  }
}
