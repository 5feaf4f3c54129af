import { Acknowledgements } from "./acknowledgements.ts";
import { Connection, type ConnectionHandler } from "./connection.ts";
import type { LoadJob } from "./job.ts";
import { PacketKind } from "./packets.ts";
import type { Hearing } from "./plan.ts";
import { type Integrity, StreamChecker } from "./stream-checker.ts";

const packetIds = 65_536;

export interface SubscriberOptions {
  readonly job: LoadJob;
  readonly hearing: Hearing;
  /** Bumped at the publisher's place for each message that came for the first time. */
  readonly deliveredOf: Float64Array;
  /** A message came; null when nobody asks for the time. */
  readonly delivered: ((publisher: number, sequence: number) => void) | null;
  readonly readEnded: () => void;
  readonly failed: (error: Error) => void;
}

/** Checks what it receives, and acknowledges it once per read. */
export class Subscriber implements ConnectionHandler {
  readonly connection: Connection;
  readonly #options: SubscriberOptions;
  readonly #checker: StreamChecker;
  readonly #run: number;
  readonly #payloadSizeBytes: number;
  readonly #deliveredOf: Float64Array;
  /** 1 for publishers that this one should hear. */
  readonly #isHeard: Uint8Array;
  /** By packet identifier, 1 for QoS 2 messages that were received and not yet released. */
  readonly #isUnreleased: Uint8Array;
  readonly #acknowledgements = new Acknowledgements();

  constructor(options: SubscriberOptions) {
    const { job, hearing, deliveredOf } = options;
    this.#options = options;
    this.#run = job.run;
    this.#payloadSizeBytes = job.payloadSizeBytes;
    this.#deliveredOf = deliveredOf;
    this.#isHeard = new Uint8Array(job.publishers);
    for (const publisher of hearing.publishers) this.#isHeard[publisher] = 1;
    this.#isUnreleased = new Uint8Array(job.qos === 2 ? packetIds : 0);
    this.#checker = new StreamChecker(job.publishers);
    const { host, subscribePort: port, version } = job;
    this.connection = new Connection({ host, port, version }, this);
  }

  subscribe(): Promise<void> {
    return this.connection.subscribe(this.#options.hearing.filters, this.#options.job.qos);
  }

  /** Given how many messages each publisher sent. */
  result(sentBy: (publisher: number) => number): Integrity {
    return this.#checker.result(this.#options.hearing.publishers, sentBy);
  }

  publish(bytes: Buffer, start: number, end: number, packetId: number, qos: number): void {
    if (qos !== 0 && !this.#received(packetId, qos)) return;
    const publisher = uint32(bytes, start + 4);
    const sequence = uint32(bytes, start + 8);
    if (
      end - start !== this.#payloadSizeBytes ||
      uint32(bytes, start) !== this.#run ||
      uint32(bytes, end - 4) !== sequence ||
      this.#isHeard[publisher] !== 1
    ) {
      this.#checker.foreign();
      return;
    }
    if (!this.#checker.accept(publisher, sequence)) return;
    this.#deliveredOf[publisher]!++;
    this.#options.delivered?.(publisher, sequence);
  }

  acknowledge(kind: number, packetId: number): void {
    if (kind !== PacketKind.pubrel) throw new Error(`a subscriber received type ${kind}`);
    this.#isUnreleased[packetId] = 0;
    this.#acknowledgements.add(PacketKind.pubcomp, packetId);
  }

  readEnded(): void {
    if (!this.#acknowledgements.isEmpty) this.connection.write(this.#acknowledgements.take());
    this.#options.readEnded();
  }

  failed(error: Error): void {
    this.#options.failed(error);
  }

  /** False for a QoS 2 message that came before and was not released: the protocol's own repetition. */
  #received(packetId: number, qos: number): boolean {
    this.#acknowledgements.add(qos === 1 ? PacketKind.puback : PacketKind.pubrec, packetId);
    if (qos === 1) return true;
    if (this.#isUnreleased[packetId] === 1) return false;
    this.#isUnreleased[packetId] = 1;
    return true;
  }
}

function uint32(bytes: Buffer, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  );
}
