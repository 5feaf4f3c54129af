import type { Cancel } from "#cluster";
import { writePacket, writePublish } from "../mqtt/encoder.ts";
import type { OutboundPacket, ProtocolVersion } from "../mqtt/packets.ts";
import type { OutboundPublish } from "../session/session-api.ts";
import type { Channel } from "./channel.ts";
import type { BrokerCounters } from "./counters.ts";
import type { DeadlineWheel } from "./deadline-wheel.ts";
import type { Flushable, FlushList } from "./flush-list.ts";
import type { BrokerLimits } from "./limits.ts";
import { OutputRuns } from "./output-runs.ts";

/** More than this is handed to the socket within the turn, so that congestion is the socket's word and not ours. */
const eagerSizeBytes = 64 * 1024;

/** The same for all clients. */
export interface OutputShared {
  readonly flushList: FlushList;
  readonly wheel: DeadlineWheel;
  readonly limits: BrokerLimits;
  readonly counters: BrokerCounters;
}

export interface OutputOwner {
  /** The client takes too little: end it. Called at most once. */
  tooSlow(detail: string): void;
}

/** What goes to one client: collected, written once per turn, and watched for a client that does not read. */
export class Output implements Flushable {
  readonly #channel: Channel;
  readonly #owner: OutputOwner;
  readonly #shared: OutputShared;
  readonly #runs: OutputRuns;
  #isListed = false;
  #isEnded = false;
  #handedOverSizeBytes = 0;
  #wasCongested = false;
  #stallCheck: Cancel | null = null;

  constructor(channel: Channel, owner: OutputOwner, shared: OutputShared) {
    this.#channel = channel;
    this.#owner = owner;
    this.#shared = shared;
    this.#runs = new OutputRuns(shared.flushList.runs, shared.flushList.gatherer);
  }

  send(packet: OutboundPacket, version: ProtocolVersion): void {
    if (this.#isEnded) return;
    writePacket(packet, version, this.#runs);
    this.#written();
  }

  sendPublish(publish: OutboundPublish, version: ProtocolVersion): void {
    if (this.#isEnded) return;
    writePublish(publish, version, this.#runs);
    this.#written();
  }

  flush(): void {
    this.#isListed = false;
    const { sizeBytes } = this.#runs;
    if (sizeBytes === 0) return;
    this.#handedOverSizeBytes += sizeBytes;
    this.#shared.counters.bytesSent += sizeBytes;
    const chunks = this.#runs.take();
    this.#channel.write(chunks, this.#runs.giveBack());
    const waiting = this.#channel.bufferedSizeBytes();
    if (waiting > this.#shared.limits.outputSizeBytesMax && !this.#isEnded) {
      this.#owner.tooSlow(`${waiting} bytes wait for the client`);
    }
  }

  isCongested(): boolean {
    const waiting = this.#runs.sizeBytes + this.#channel.bufferedSizeBytes();
    if (waiting <= this.#shared.limits.congestedSizeBytes) return false;
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

  #written(): void {
    if (this.#runs.sizeBytes >= eagerSizeBytes) this.flush();
    else if (!this.#isListed) {
      this.#isListed = true;
      this.#shared.flushList.add(this);
    }
  }

  #takenSizeBytes(): number {
    return this.#handedOverSizeBytes - this.#channel.bufferedSizeBytes();
  }

  #watchForStall(): void {
    const before = this.#takenSizeBytes();
    this.#stallCheck = this.#shared.wheel.after(this.#shared.limits.stalledMs, () => {
      if (this.#isEnded || !this.#wasCongested) return;
      if (this.#takenSizeBytes() > before) this.#watchForStall();
      else this.#owner.tooSlow("the client reads nothing");
    });
  }
}
