import { connect, type Socket } from "node:net";
import { PacketReader, type PacketVisitor } from "./packet-reader.ts";
import {
  connectPacket,
  disconnectPacket,
  PacketKind,
  type ProtocolVersion,
  subscribePacket,
} from "./packets.ts";

const answerTimeoutMs = 10_000;

/** All sockets read into the same memory, because what they read is used up at once. */
const readBuffer = Buffer.allocUnsafe(256 * 1024);

/** What a client does with the packets of its own kind. */
export interface ConnectionHandler {
  publish(bytes: Buffer, start: number, end: number, packetId: number, qos: number): void;
  /** PUBACK, PUBREC, PUBREL or PUBCOMP. */
  acknowledge(kind: number, packetId: number): void;
  /** The packets that arrived together are read. */
  readEnded(): void;
  failed(error: Error): void;
}

export interface ConnectionOptions {
  readonly port: number;
  readonly host?: string;
  readonly version?: ProtocolVersion;
}

/** One socket that speaks MQTT. */
export class Connection implements PacketVisitor {
  readonly #handler: ConnectionHandler;
  readonly #socket: Socket;
  readonly #reader: PacketReader;
  readonly #version: ProtocolVersion;
  #expected = 0;
  #answered: ((code: number) => void) | null = null;
  #refused: ((error: Error) => void) | null = null;
  #isEnding = false;

  constructor(options: ConnectionOptions, handler: ConnectionHandler) {
    const { port, host = "127.0.0.1", version = 4 } = options;
    this.#handler = handler;
    this.#version = version;
    this.#reader = new PacketReader(this, version);
    this.#socket = connect({
      host,
      port,
      noDelay: true,
      onread: { buffer: readBuffer, callback: (sizeBytes) => this.#received(sizeBytes) },
    });
    this.#socket.on("error", (error) => this.#ended(error));
    this.#socket.on("close", () => this.#ended(new Error("the broker closed the connection")));
  }

  /** A session that is not clean outlives the connection, in MQTT 5 for an hour. */
  async open(clientId: string, isClean = true): Promise<void> {
    this.write(connectPacket(clientId, this.#version, isClean));
    const code = await this.#answer(PacketKind.connack);
    if (code !== 0) throw new Error(`the broker refused ${clientId} with ${code}`);
  }

  async subscribe(filters: readonly string[], qos: number): Promise<void> {
    this.write(subscribePacket(filters, qos, this.#version));
    const code = await this.#answer(PacketKind.suback);
    if (code > 2) throw new Error(`the broker refused a subscription with ${code}`);
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

  publish(bytes: Buffer, start: number, end: number, packetId: number, qos: number): void {
    this.#handler.publish(bytes, start, end, packetId, qos);
  }

  acknowledge(kind: number, packetId: number): void {
    this.#handler.acknowledge(kind, packetId);
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
    this.#refused?.(error);
    this.#handler.failed(error);
  }

  #answer(kind: number): Promise<number> {
    this.#expected = kind;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no packet of type ${kind} after ${answerTimeoutMs} ms`));
      }, answerTimeoutMs);
      this.#answered = (code) => {
        clearTimeout(timer);
        resolve(code);
      };
      this.#refused = (error) => {
        clearTimeout(timer);
        reject(error);
      };
    });
  }
}
