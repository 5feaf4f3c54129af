import { Connection, type ConnectionHandler } from "./connection.ts";
import type { LoadJob } from "./job.ts";
import { PublishTemplate } from "./packets.ts";

/** Packet identifiers go round in this many, more than any window. */
const packetIds = 4096;

export interface PublisherOptions {
  readonly job: LoadJob;
  readonly publisher: number;
  readonly acknowledged: (latencyMs: number) => void;
  readonly failed: (error: Error) => void;
}

export function topicOf(run: number, publisher: number, topic: number): string {
  return `bench/${run}/${publisher}/${topic}`;
}

/** Sends as fast as its window and the subscribers allow, and numbers what it sends. */
export class Publisher implements ConnectionHandler {
  readonly connection: Connection;
  readonly #options: PublisherOptions;
  readonly #templates: readonly PublishTemplate[];
  readonly #packetSizeBytesMax: number;
  readonly #sentAtMs = new Float64Array(packetIds);
  /** Packet identifiers that wait for their PUBACK. */
  readonly #isOpen = new Uint8Array(packetIds);
  sent = 0;
  acknowledged = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    const { job, publisher } = options;
    const { run, qos, retain, payloadSizeBytes } = job;
    this.#templates = Array.from({ length: job.topicsPerPublisher }, (_, at) => {
      const topic = topicOf(run, publisher, at);
      return new PublishTemplate({ topic, qos, retain, payloadSizeBytes, run, publisher });
    });
    this.#packetSizeBytesMax = Math.max(...this.#templates.map(({ sizeBytes }) => sizeBytes));
    this.connection = new Connection(job.publishPort, this);
  }

  /** Sends what there is room for; `delivered` counts its messages that came to the end of their way. */
  fill(delivered: number): void {
    const { qos, window, outstandingMax, subscribers } = this.#options.job;
    if (this.connection.needsDrain) return;
    let room = subscribers === 0 ? window : outstandingMax - (this.sent - delivered);
    if (qos === 1) room = Math.min(room, window - (this.sent - this.acknowledged));
    if (room > 0) this.#send(room);
  }

  publish(): void {
    throw new Error("a publisher received a PUBLISH");
  }

  puback(packetId: number): void {
    if (this.#isOpen[packetId] !== 1) throw new Error(`unexpected PUBACK ${packetId}`);
    this.#isOpen[packetId] = 0;
    this.acknowledged++;
    this.#options.acknowledged(performance.now() - this.#sentAtMs[packetId]!);
  }

  readEnded(): void {
    // The next turn fills the window.
  }

  failed(error: Error): void {
    this.#options.failed(error);
  }

  #send(count: number): void {
    const isAcknowledged = this.#options.job.qos === 1;
    const templates = this.#templates;
    const bytes = Buffer.allocUnsafe(count * this.#packetSizeBytesMax);
    const nowMs = isAcknowledged ? performance.now() : 0;
    let at = 0;
    for (let left = count; left > 0; left--) {
      const sequence = this.sent++;
      const template = templates[sequence % templates.length]!;
      const packetId = isAcknowledged ? (sequence % (packetIds - 1)) + 1 : 0;
      template.write(bytes, at, sequence, packetId);
      at += template.sizeBytes;
      if (!isAcknowledged) continue;
      this.#sentAtMs[packetId] = nowMs;
      this.#isOpen[packetId] = 1;
    }
    this.connection.write(bytes.subarray(0, at));
  }
}
