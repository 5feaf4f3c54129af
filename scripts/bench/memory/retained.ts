import { Acknowledgements } from "../load/acknowledgements.ts";
import { Connection, type ConnectionHandler } from "../load/connection.ts";
import { PacketKind, PublishTemplate } from "../load/packets.ts";

const writers = 50;
const window = 100;
const run = 1;

export function retainedTopic(at: number): string {
  return `site/${at % 100}/machine-${at}/state`;
}

export const allRetained = "site/#";

/** Writes one retained message at QoS 1 to each of so many topics. */
export async function writeRetained(port: number, count: number, sizeBytes: number): Promise<void> {
  await Promise.all(
    Array.from({ length: writers }, (_, writer) =>
      new Writer(port, writer, count, sizeBytes).run(),
    ),
  );
}

class Writer implements ConnectionHandler {
  readonly #connection: Connection;
  readonly #writer: number;
  readonly #count: number;
  readonly #sizeBytes: number;
  readonly #done = Promise.withResolvers<void>();
  #next: number;
  #unacknowledged = 0;
  #packetId = 0;

  constructor(port: number, writer: number, count: number, sizeBytes: number) {
    this.#connection = new Connection({ port }, this);
    this.#writer = writer;
    this.#next = writer;
    this.#count = count;
    this.#sizeBytes = sizeBytes;
  }

  async run(): Promise<void> {
    await this.#connection.open(`writer-${this.#writer}`);
    this.#fill();
    await this.#done.promise;
    await this.#connection.close();
  }

  publish(): void {
    throw new Error("a writer received a message");
  }

  acknowledge(): void {
    this.#unacknowledged--;
  }

  readEnded(): void {
    this.#fill();
  }

  failed(error: Error): void {
    this.#done.reject(error);
  }

  #fill(): void {
    const packets: Buffer[] = [];
    for (; this.#next < this.#count && this.#unacknowledged < window; this.#next += writers) {
      packets.push(this.#packet(this.#next));
      this.#unacknowledged++;
    }
    if (packets.length > 0) this.#connection.write(Buffer.concat(packets));
    if (this.#unacknowledged === 0 && this.#next >= this.#count) this.#done.resolve();
  }

  #packet(at: number): Buffer {
    const message = new PublishTemplate({
      ...{ topic: retainedTopic(at), qos: 1, retain: true, version: 4, hasProperties: false },
      ...{ isDeviceState: false, payloadSizeBytes: this.#sizeBytes, run, publisher: at },
    });
    this.#packetId = (this.#packetId % 65_535) + 1;
    const bytes = Buffer.allocUnsafe(message.sizeBytes);
    message.write(bytes, 0, at, this.#packetId);
    return bytes;
  }
}

/** Subscribes to all of them and reads them; resolves with how many different ones came. */
export async function readRetained(port: number, count: number, idleMs: number): Promise<number> {
  const reader = new Reader(port, count, idleMs);
  return reader.run();
}

class Reader implements ConnectionHandler {
  readonly #connection: Connection;
  readonly #idleMs: number;
  readonly #seen: Uint8Array;
  readonly #acknowledgements = new Acknowledgements();
  readonly #done = Promise.withResolvers<number>();
  #received = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(port: number, count: number, idleMs: number) {
    this.#connection = new Connection({ port }, this);
    this.#idleMs = idleMs;
    this.#seen = new Uint8Array(count);
  }

  async run(): Promise<number> {
    await this.#connection.open("reader");
    this.#timer = setTimeout(() => this.#done.resolve(this.#received), this.#idleMs);
    await this.#connection.subscribe([allRetained], 1);
    const received = await this.#done.promise;
    clearTimeout(this.#timer);
    await this.#connection.close();
    return received;
  }

  publish(bytes: Buffer, start: number, _end: number, packetId: number): void {
    const at = bytes.readUInt32BE(start + 4);
    if (this.#seen[at] === 0) this.#received++;
    this.#seen[at] = 1;
    if (packetId !== 0) this.#acknowledgements.add(PacketKind.puback, packetId);
  }

  acknowledge(kind: number): void {
    throw new Error(`a reader received a packet of type ${kind}`);
  }

  readEnded(): void {
    if (!this.#acknowledgements.isEmpty) this.#connection.write(this.#acknowledgements.take());
    this.#timer?.refresh();
    if (this.#received === this.#seen.length) this.#done.resolve(this.#received);
  }

  failed(error: Error): void {
    this.#done.reject(error);
  }
}
