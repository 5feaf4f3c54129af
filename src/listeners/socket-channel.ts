import type { Socket } from "node:net";
import type { Channel, ChannelAcceptor, ChannelHandler } from "../broker/channel.ts";
import { isLoopbackAddress, plainAddress } from "./address.ts";
import { sayLastWords } from "./last-words.ts";
import { readingInto } from "./read-buffer.ts";
import { ReadMemory } from "./read-memory.ts";
import { certificateName } from "./tls.ts";

/** A socket of a server with `pauseOnConnect`: it reads into memory that all of them share, where this Node.js lets it. */
export function connectPlain(accepted: Socket, acceptor: ChannelAcceptor, failed: OnError): void {
  const socket = readingInto(accepted, readInto);
  connect(socket ?? accepted, acceptor, failed);
  if (socket === null) accepted.resume();
}

/** `failed`: hears of its errors; the channel's end follows. */
export function connect(socket: HandledSocket, acceptor: ChannelAcceptor, failed: OnError): void {
  const handler = acceptor.accept(new SocketChannel(socket));
  if (handler === null) {
    socket.on("error", () => {
      // Refused: whatever else happens to it concerns nobody.
    });
    socket.destroy();
    return;
  }
  socket[handlerKey] = handler;
  socket.on("data", received);
  socket.on("drain", drained);
  socket.on("end", ended);
  socket.on("error", failed);
  socket.on("close", closed);
}

/** All plain sockets read into the same. */
const readMemory = new ReadMemory();

type OnError = (error: Error) => void;

/** The handler of a socket stands on it, so that all sockets share their listeners: a closure each would be 280 bytes for a client. */
const handlerKey = Symbol("handler");

interface HandledSocket extends Socket {
  [handlerKey]?: ChannelHandler;
}

function readInto(this: HandledSocket, sizeBytes: number, buffer: Buffer): boolean {
  const handler = this[handlerKey];
  if (handler !== undefined) readMemory.use(buffer, sizeBytes, handler);
  return true;
}

function received(this: HandledSocket, chunk: Buffer): void {
  readMemory.useGiven(chunk, this[handlerKey]!);
}

function drained(this: HandledSocket): void {
  this[handlerKey]!.drained();
}

/** Our half is closed at the end of the turn, behind the answers to what came last. */
function ended(this: HandledSocket): void {
  this[handlerKey]!.ended(() => setImmediate(() => sayLastWords(this)));
}

function closed(this: HandledSocket): void {
  this[handlerKey]!.closed();
}

class SocketChannel implements Channel {
  readonly remoteAddress: string;
  readonly isLoopback: boolean;
  readonly certificateName: string | null;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.remoteAddress = plainAddress(socket.remoteAddress);
    this.isLoopback = isLoopbackAddress(this.remoteAddress);
    this.certificateName = certificateName(socket);
  }

  write(chunks: readonly Buffer[], written?: () => void): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    const last = chunks.length - 1;
    if (last === 0) {
      socket.write(chunks[0]!, written);
      return;
    }
    socket.cork();
    for (let at = 0; at < last; at++) socket.write(chunks[at]!);
    socket.write(chunks[last]!, written);
    socket.uncork();
  }

  bufferedSizeBytes(): number {
    return this.#socket.writableLength;
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }
}
