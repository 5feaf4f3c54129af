import { Acknowledgements } from "./acknowledgements.ts";
import { Connection, type ConnectionHandler } from "./connection.ts";
import type { LoadJob } from "./job.ts";
import { PacketKind, PublishTemplate } from "./packets.ts";
import { topicOf } from "./plan.ts";
import type { MessageTimes } from "./schedule.ts";

/** Packet identifiers go round in this many, more than any window. */
const packetIds = 4096;

export interface PublisherOptions {
  readonly job: LoadJob;
  readonly publisher: number;
  /** How many subscribers hear it. */
  readonly hearers: number;
  /** By publisher, the arrivals of its messages at all who hear them. */
  readonly deliveredOf: Float64Array;
  /** From when latencies count; null without a rate, where it is when the message is written. */
  readonly times: MessageTimes | null;
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
  /** Messages that were due so far; those beyond `sent` wait for the window. */
  #due = 0;
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
    const { host, publishPorts, version } = job;
    const port = publishPorts[publisher % publishPorts.length]!;
    this.connection = new Connection({ host, port, version }, this);
  }

  /** Sends what there is room for, with the acknowledgements that are due, in one write. */
  fill(nowMs: number): void {
    const room = this.connection.needsDrain ? 0 : this.#room();
    if (room > 0) this.#send(room, nowMs);
    else this.flush();
  }

  /** Sends the acknowledgements that are due. */
  flush(): void {
    if (!this.#acknowledgements.isEmpty) this.connection.write(this.#acknowledgements.take());
  }

  /** One more message is due: it leaves at once or when there is room for it. */
  sendOne(): void {
    this.#due++;
    this.#sendDue();
  }

  /** What waits for room is not sent any more. */
  stop(): void {
    this.#due = this.sent;
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
    if (this.#options.times !== null) {
      this.#sendDue();
      this.flush();
    }
    this.#options.readEnded();
  }

  failed(error: Error): void {
    this.#options.failed(error);
  }

  /** How many more messages may be under way: unacknowledged, and not yet with all who hear them. */
  #room(): number {
    const { job, publisher, hearers, deliveredOf } = this.#options;
    const unacknowledged = this.sent - this.acknowledged;
    const room = this.#qos === 0 ? Number.POSITIVE_INFINITY : job.window - unacknowledged;
    if (hearers === 0) return room;
    const delivered = Math.floor(deliveredOf[publisher]! / hearers);
    return Math.min(room, job.outstandingMax - (this.sent - delivered));
  }

  #sendDue(): void {
    const count = Math.min(this.#due - this.sent, this.#room());
    if (count > 0) this.#send(count, performance.now());
  }

  #send(count: number, nowMs: number): void {
    const { times, publisher } = this.#options;
    const templates = this.#templates;
    const sizeBytesMax = this.#acknowledgements.sizeBytes + count * this.#packetSizeBytesMax;
    const bytes = Buffer.allocUnsafe(sizeBytesMax);
    const awaited = this.#qos === 2 ? PacketKind.pubrec : PacketKind.puback;
    let at = this.#acknowledgements.moveTo(bytes);
    for (let left = count; left > 0; left--) {
      const sequence = this.sent++;
      const template =
        templates.length === 1 ? templates[0]! : templates[sequence % templates.length]!;
      const packetId = this.#qos === 0 ? 0 : (sequence % (packetIds - 1)) + 1;
      template.write(bytes, at, sequence, packetId);
      at += template.sizeBytes;
      times?.written(publisher, sequence, nowMs);
      if (packetId === 0) continue;
      if (this.#awaited[packetId] !== 0) {
        throw new Error(`message ${packetId} is unacknowledged since ${packetIds} messages`);
      }
      this.#sentAtMs[packetId] = times?.ofMs(publisher, sequence) ?? nowMs;
      this.#awaited[packetId] = awaited;
    }
    this.connection.write(at === bytes.length ? bytes : bytes.subarray(0, at));
  }
}
