import { Acknowledgements } from "./acknowledgements.ts";
import { Connection, type ConnectionHandler } from "./connection.ts";
import type { DueTimes } from "./due-times.ts";
import type { LoadJob } from "./job.ts";
import { PacketKind, PublishTemplate } from "./packets.ts";
import { topicOf } from "./plan.ts";

/** Packet identifiers go round in this many, more than any window. */
const packetIds = 4096;

export interface PublisherOptions {
  readonly job: LoadJob;
  readonly publisher: number;
  readonly hearers: number;
  /** Remembers when messages were due; null without a rate. */
  readonly due: DueTimes | null;
  readonly acknowledged: (latencyMs: number) => void;
  /** There may be room to send again. */
  readonly readEnded: () => void;
  readonly failed: (error: Error) => void;
}

/** Sends as fast as its window and the subscribers allow, or what is due, and numbers what it sends. */
export class Publisher implements ConnectionHandler {
  readonly connection: Connection;
  readonly #options: PublisherOptions;
  readonly #templates: readonly PublishTemplate[];
  readonly #packetSizeBytesMax: number;
  readonly #qos: number;
  readonly #sentAtMs = new Float64Array(packetIds);
  /** The kind of the last packet that each packet identifier waits for; 0 when it is free. */
  readonly #awaited = new Uint8Array(packetIds);
  readonly #acknowledgements = new Acknowledgements();
  /** When each of the messages was due that wait for the window. */
  readonly #dueMs: number[] = [];
  #readAtMs = 0;
  sent = 0;
  acknowledged = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    const { job, publisher } = options;
    this.#qos = job.qos;
    this.#templates = Array.from({ length: job.topicsPerPublisher }, (_, at) => {
      return new PublishTemplate({ ...job, topic: topicOf(job, publisher, at), publisher });
    });
    this.#packetSizeBytesMax = Math.max(...this.#templates.map(({ sizeBytes }) => sizeBytes));
    const { host, publishPort: port, version } = job;
    this.connection = new Connection({ host, port, version }, this);
  }

  /** Sends what there is room for; `delivered` counts the arrivals of its messages at all who hear them. */
  fill(delivered: number): void {
    const { job, hearers } = this.#options;
    if (this.connection.needsDrain) return;
    let room = this.#room();
    if (hearers > 0) {
      room = Math.min(room, job.outstandingMax - (this.sent - Math.floor(delivered / hearers)));
    }
    if (room > 0) this.#send(room, this.#qos === 0 ? 0 : performance.now());
  }

  /** One message, at once or when the window has room. Its latency counts from when it was due. */
  send(dueMs: number): void {
    if (this.#dueMs.length > 0 || this.#room() <= 0) this.#dueMs.push(dueMs);
    else this.#sendDue(dueMs);
  }

  publish(): void {
    throw new Error("a publisher received a PUBLISH");
  }

  acknowledge(kind: number, packetId: number): void {
    if (this.#awaited[packetId] !== kind) {
      throw new Error(`unexpected packet of type ${kind} for message ${packetId}`);
    }
    if (kind === PacketKind.pubrec) {
      this.#awaited[packetId] = PacketKind.pubcomp;
      this.#acknowledgements.add(PacketKind.pubrel, packetId);
      return;
    }
    this.#awaited[packetId] = 0;
    this.acknowledged++;
    if (this.#readAtMs === 0) this.#readAtMs = performance.now();
    this.#options.acknowledged(this.#readAtMs - this.#sentAtMs[packetId]!);
  }

  readEnded(): void {
    this.#readAtMs = 0;
    if (!this.#acknowledgements.isEmpty) this.connection.write(this.#acknowledgements.take());
    while (this.#dueMs.length > 0 && this.#room() > 0) this.#sendDue(this.#dueMs.shift()!);
    this.#options.readEnded();
  }

  failed(error: Error): void {
    this.#options.failed(error);
  }

  #room(): number {
    if (this.#qos === 0) return this.#options.job.outstandingMax;
    return this.#options.job.window - (this.sent - this.acknowledged);
  }

  #sendDue(dueMs: number): void {
    const { publisher, due } = this.#options;
    due?.note(publisher, this.sent, dueMs);
    this.#send(1, dueMs);
  }

  #send(count: number, atMs: number): void {
    const templates = this.#templates;
    const bytes = Buffer.allocUnsafe(count * this.#packetSizeBytesMax);
    const awaited = this.#qos === 2 ? PacketKind.pubrec : PacketKind.puback;
    let at = 0;
    for (let left = count; left > 0; left--) {
      const sequence = this.sent++;
      const template =
        templates.length === 1 ? templates[0]! : templates[sequence % templates.length]!;
      const packetId = this.#qos === 0 ? 0 : (sequence % (packetIds - 1)) + 1;
      template.write(bytes, at, sequence, packetId);
      at += template.sizeBytes;
      if (packetId === 0) continue;
      if (this.#awaited[packetId] !== 0) {
        throw new Error(`message ${packetId} is unacknowledged since ${packetIds} messages`);
      }
      this.#sentAtMs[packetId] = atMs;
      this.#awaited[packetId] = awaited;
    }
    this.connection.write(at === bytes.length ? bytes : bytes.subarray(0, at));
  }
}
