import { Connection, type ConnectionHandler } from "./connection.ts";
import type { LoadJob } from "./job.ts";
import { writePuback } from "./packets.ts";
import { StreamChecker } from "./stream-checker.ts";

const pubackSizeBytes = 4;

export interface SubscriberOptions {
  readonly job: LoadJob;
  /** Bumped at the publisher's place for each message that came for the first time. */
  readonly deliveredOf: Float64Array;
  readonly readEnded: () => void;
  readonly failed: (error: Error) => void;
}

/** Checks what it receives, and acknowledges it once per read. */
export class Subscriber implements ConnectionHandler {
  readonly connection: Connection;
  readonly checker: StreamChecker;
  readonly #options: SubscriberOptions;
  readonly #run: number;
  #acks: Buffer = Buffer.allocUnsafe(4096);
  #acksSizeBytes = 0;

  constructor(options: SubscriberOptions) {
    this.#options = options;
    this.#run = options.job.run;
    this.checker = new StreamChecker(options.job.publishers);
    this.connection = new Connection(options.job.subscribePort, this);
  }

  publish(bytes: Buffer, start: number, end: number, packetId: number): void {
    if (packetId !== 0) this.#acknowledge(packetId);
    const { job, deliveredOf } = this.#options;
    if (end - start !== job.payloadSizeBytes || uint32(bytes, start) !== this.#run) {
      this.checker.foreign();
      return;
    }
    const publisher = uint32(bytes, start + 4);
    if (this.checker.accept(publisher, uint32(bytes, start + 8))) deliveredOf[publisher]!++;
  }

  puback(): void {
    throw new Error("a subscriber received a PUBACK");
  }

  readEnded(): void {
    if (this.#acksSizeBytes > 0) {
      this.connection.write(Buffer.from(this.#acks.subarray(0, this.#acksSizeBytes)));
      this.#acksSizeBytes = 0;
    }
    this.#options.readEnded();
  }

  failed(error: Error): void {
    this.#options.failed(error);
  }

  #acknowledge(packetId: number): void {
    if (this.#acksSizeBytes + pubackSizeBytes > this.#acks.length) {
      this.#acks = Buffer.concat([this.#acks], this.#acks.length * 2);
    }
    writePuback(this.#acks, this.#acksSizeBytes, packetId);
    this.#acksSizeBytes += pubackSizeBytes;
  }
}

function uint32(bytes: Buffer, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  );
}
