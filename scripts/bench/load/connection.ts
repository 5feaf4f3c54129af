import { connect, type Socket } from "node:net";
import { PacketReader, type PacketVisitor } from "./packet-reader.ts";
import { connectPacket, disconnectPacket, PacketKind, subscribePacket } from "./packets.ts";

const answerTimeoutMs = 10_000;

/** All sockets read into the same memory, because what they read is used up at once. */
const readBuffer = Buffer.allocUnsafe(256 * 1024);

/** What a client does with the packets of its own kind. */
export interface ConnectionHandler {
  publish(bytes: Buffer, start: number, end: number, packetId: number): void;
  puback(packetId: number): void;
  /** The packets that arrived together are read. */
  readEnded(): void;
  failed(error: Error): void;
}

/** One socket that speaks MQTT 3.1.1. */
export class Connection implements PacketVisitor {
  readonly #handler: ConnectionHandler;
  readonly #socket: Socket;
  readonly #reader: PacketReader;
  #expected = 0;
  #answered: ((code: number) => void) | null = null;
  #isEnding = false;

  constructor(port: number, handler: ConnectionHandler) {
    this.#handler = handler;
    this.#reader = new PacketReader(this);
    this.#socket = connect({
      host: "127.0.0.1",
      port,
      noDelay: true,
      onread: { buffer: readBuffer, callback: (sizeBytes) => this.#received(sizeBytes) },
    });
    this.#socket.on("error", (error) => this.#ended(error));
    this.#socket.on("close", () => this.#ended(new Error("the broker closed the connection")));
  }

  async open(clientId: string): Promise<void> {
    this.write(connectPacket(clientId));
    await this.#answer(PacketKind.connack);
  }

  async subscribe(filter: string, qos: number): Promise<void> {
    this.write(subscribePacket(filter, qos));
    await this.#answer(PacketKind.suback);
  }

  get needsDrain(): boolean {
    return this.#socket.writableNeedDrain;
  }

  onDrain(run: () => void): void {
    this.#socket.on("drain", run);
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Says goodbye; resolves when the socket is closed. */
  close(): Promise<void> {
    this.#isEnding = true;
    if (this.#socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.once("close", () => resolve());
      this.#socket.end(disconnectPacket);
      this.#socket.resume();
    });
  }

  publish(bytes: Buffer, start: number, end: number, packetId: number): void {
    this.#handler.publish(bytes, start, end, packetId);
  }

  puback(packetId: number): void {
    this.#handler.puback(packetId);
  }

  answer(kind: number, code: number): void {
    if (kind !== this.#expected) throw new Error(`the broker answered with packet type ${kind}`);
    this.#answered?.(code);
  }

  #received(sizeBytes: number): boolean {
    try {
      this.#reader.push(readBuffer.subarray(0, sizeBytes));
      this.#handler.readEnded();
    } catch (error) {
      this.#ended(error as Error);
    }
    return true;
  }

  #ended(error: Error): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#socket.destroy();
    this.#handler.failed(error);
  }

  #answer(kind: number): Promise<void> {
    this.#expected = kind;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no packet of type ${kind} after ${answerTimeoutMs} ms`));
      }, answerTimeoutMs);
      this.#answered = (code) => {
        clearTimeout(timer);
        if (code <= 1) resolve();
        else reject(new Error(`the broker refused with ${code}`));
      };
    });
  }
}
