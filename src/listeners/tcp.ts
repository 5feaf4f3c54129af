import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Log } from "#cluster";
import type { Channel, ChannelAcceptor, ChannelHandler } from "../broker/channel.ts";
import { isLoopbackAddress, plainAddress } from "./address.ts";
import { bind } from "./bind.ts";
import { sayLastWords } from "./last-words.ts";
import type { Listener, ListenOptions } from "./listener.ts";
import { readingInto } from "./read-buffer.ts";
import { boundHandshakes, certificateName, secureContext, tlsOptions } from "./tls.ts";

/** MQTT over TCP, or over TLS with `options.tls`. Throws BrokerError "port-taken" or "listen-failed". */
export async function listenTcp(
  options: ListenOptions,
  acceptor: ChannelAcceptor,
  log: Log,
): Promise<Listener> {
  const failed = (error: Error) => log.debug({ error }, "socket error");
  const onSocket = (socket: Socket) => connect(socket, acceptor, failed);
  const onAccepted = (accepted: Socket) => {
    const socket = readingInto(accepted, readInto);
    if (socket === null) accepted.resume();
    onSocket(socket ?? accepted);
  };
  // Nagle's algorithm would hold back what was already collected for a turn.
  const socketOptions = { noDelay: true, allowHalfOpen: true };
  const tlsServer = options.tls
    ? createTlsServer({ ...socketOptions, ...tlsOptions(options.tls) }, onSocket)
    : null;
  const server: Server = tlsServer ?? createServer({ ...socketOptions, pauseOnConnect: true }, onAccepted);
  if (tlsServer !== null) boundHandshakes(tlsServer, acceptor);
  const port = await bind(server, options);
  server.on("error", (error) => log.error({ error }, "the MQTT listener failed"));
  server.on("tlsClientError", (error: Error) => log.debug({ error }, "TLS handshake failed"));
  return {
    host: options.host,
    port,
    // Closing waits for connections that exist; they are the broker's to end.
    stopAccepting: async () => {
      server.close();
    },
    renewTls: (settings) => tlsServer?.setSecureContext(secureContext(settings)),
  };
}

function connect(
  socket: HandledSocket,
  acceptor: ChannelAcceptor,
  failed: (error: Error) => void,
): void {
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

/** The handler of a socket stands on it, so that all sockets share their listeners: a closure each would be 280 bytes for a client. */
const handlerKey = Symbol("handler");

interface HandledSocket extends Socket {
  [handlerKey]?: ChannelHandler;
}

function readInto(this: HandledSocket, sizeBytes: number, buffer: Uint8Array): boolean {
  const chunk = Buffer.allocUnsafe(sizeBytes);
  chunk.set(sizeBytes === buffer.length ? buffer : buffer.subarray(0, sizeBytes));
  this[handlerKey]!.received(chunk);
  return true;
}

function received(this: HandledSocket, chunk: Buffer): void {
  this[handlerKey]!.received(chunk);
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
