import type { Cancel } from "#cluster";
import type { Channel } from "./channel.ts";
import type { BrokerCounters } from "./counters.ts";
import type { DeadlineWheel } from "./deadline-wheel.ts";
import type { Flushable, FlushList } from "./flush-list.ts";
import type { BrokerLimits } from "./limits.ts";
import { gather } from "./output-gathering.ts";

/** More than this is handed to the socket within the turn, so that congestion is the socket's word and not ours. */
const eagerSizeBytes = 64 * 1024;

export interface OutputOptions {
  readonly channel: Channel;
  readonly flushList: FlushList;
  readonly wheel: DeadlineWheel;
  readonly limits: BrokerLimits;
  readonly counters: BrokerCounters;
  /** The client takes too little: end it. Called at most once. */
  readonly onTooSlow: (detail: string) => void;
}

/** What goes to one client: collected, written once per turn, and watched for a client that does not read. */
export class Output implements Flushable {
  readonly #options: OutputOptions;
  #chunks: Buffer[] = [];
  #sizeBytes = 0;
  #isListed = false;
  #isEnded = false;
  #handedOverSizeBytes = 0;
  #wasCongested = false;
  #stallCheck: Cancel | null = null;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  push(chunk: Buffer): void {
    if (this.#isEnded) return;
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.length;
    if (this.#sizeBytes >= eagerSizeBytes) this.flush();
    else if (!this.#isListed) {
      this.#isListed = true;
      this.#options.flushList.add(this);
    }
  }

  flush(): void {
    this.#isListed = false;
    if (this.#chunks.length === 0) return;
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#handedOverSizeBytes += this.#sizeBytes;
    this.#options.counters.bytesSent += this.#sizeBytes;
    this.#sizeBytes = 0;
    this.#options.channel.write(gather(chunks));
    const waiting = this.#options.channel.bufferedSizeBytes();
    if (waiting > this.#options.limits.outputSizeBytesMax && !this.#isEnded) {
      this.#options.onTooSlow(`${waiting} bytes wait for the client`);
    }
  }

  isCongested(): boolean {
    const waiting = this.#sizeBytes + this.#options.channel.bufferedSizeBytes();
    if (waiting <= this.#options.limits.congestedSizeBytes) return false;
    if (!this.#wasCongested) {
      this.#wasCongested = true;
      this.#watchForStall();
    }
    return true;
  }

  /** True when the client was congested and is not any more: the session goes on. */
  drained(): boolean {
    if (!this.#wasCongested || this.isCongested()) return false;
    this.#wasCongested = false;
    this.#stallCheck?.();
    this.#stallCheck = null;
    return true;
  }

  /** Writes what there is and takes nothing more. */
  end(): void {
    this.#isEnded = true;
    this.flush();
    this.#stallCheck?.();
    this.#stallCheck = null;
  }

  #takenSizeBytes(): number {
    return this.#handedOverSizeBytes - this.#options.channel.bufferedSizeBytes();
  }

  #watchForStall(): void {
    const before = this.#takenSizeBytes();
    this.#stallCheck = this.#options.wheel.after(this.#options.limits.stalledMs, () => {
      if (this.#isEnded || !this.#wasCongested) return;
      if (this.#takenSizeBytes() > before) this.#watchForStall();
      else this.#options.onTooSlow("the client reads nothing");
    });
  }
}
