import { createServer, type IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import type { Log } from "#cluster";
import type { Channel, ChannelAcceptor, ChannelHandler } from "../broker/channel.ts";
import { isLoopbackAddress, isLoopbackHost, plainAddress } from "./address.ts";
import { bind } from "./bind.ts";
import { sayLastWords } from "./last-words.ts";
import type { Listener, ListenOptions } from "./listener.ts";
import { ReadMemory } from "./read-memory.ts";
import { boundHandshakes, certificateName, secureContext, tlsOptions } from "./tls.ts";

const paths = ["/", "/mqtt"];
/** The registered name [MQTT-6.0.0-3] [MQTT-6.0.0-4], and what MQTT 3.1 clients call it. */
const subprotocols = ["mqtt", "mqttv3.1"];
/** Frames carry any piece of the byte stream, so this bounds memory and no packet. */
const frameSizeBytesMax = 4 * 1024 * 1024;
/** As long as a socket may be silent before its CONNECT. */
const upgradeTimeoutMs = 10_000;
/** How often that is looked at, and as much later it may come. */
const upgradeCheckMs = 1_000;
const unsupportedData = 1003;
const normalClosure = 1000;

/** MQTT over WebSocket (section 6), or secure WebSocket with `options.tls`. Throws as `listenTcp`. */
export async function listenWebSocket(
  options: ListenOptions,
  acceptor: ChannelAcceptor,
  log: Log,
): Promise<Listener> {
  const serverOptions = {
    connectionsCheckingInterval: upgradeCheckMs,
    headersTimeout: upgradeTimeoutMs,
    requestTimeout: upgradeTimeoutMs,
  };
  const tlsServer = options.tls
    ? createTlsServer({ ...serverOptions, ...tlsOptions(options.tls) })
    : null;
  const server = tlsServer ?? createServer(serverOptions);
  if (tlsServer !== null) {
    boundHandshakes(tlsServer, acceptor);
    tlsServer.on("tlsClientError", (error) => log.debug({ error }, "TLS handshake failed"));
  }
  const isLocalOnly = isLoopbackHost(options.host) && options.isOpen !== true;
  const webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: frameSizeBytesMax,
    perMessageDeflate: false,
    handleProtocols: (offered) => subprotocols.find((name) => offered.has(name)) ?? false,
  });
  const failed = (error: Error) => log.debug({ error }, "WebSocket error");
  const ended = boundUpgrades(server, options.tls ? "secureConnection" : "connection", acceptor);
  server.on("request", (_request, response) => {
    const headers = { "content-type": "text/plain", upgrade: "websocket", connection: "close" };
    response.writeHead(426, headers);
    response.end("MQTT over WebSocket lives here: connect with subprotocol mqtt\n");
  });
  server.on("upgrade", (request, socket, head) => {
    ended(request.socket);
    if (isLocalOnly && !isFromThisMachine(request)) return refuse(socket, "403 Forbidden");
    if (!isMqtt(request)) return refuse(socket, "400 Bad Request");
    webSockets.handleUpgrade(request, socket, head, (webSocket) =>
      connect(webSocket, request, acceptor, failed),
    );
  });
  const port = await bind(server, options);
  server.on("error", (error) => log.error({ error }, "the WebSocket listener failed"));
  return {
    host: options.host,
    port,
    // Closing waits for connections that exist; they are the broker's to end.
    stopAccepting: async () => {
      server.close();
      server.closeIdleConnections();
    },
    renewTls: (settings) => tlsServer?.setSecureContext(secureContext(settings)),
  };
}

/** Lets only so many sockets wait for their upgrade; answers what is to be told when one got there. */
function boundUpgrades(
  server: Server,
  event: "connection" | "secureConnection",
  acceptor: ChannelAcceptor,
): (socket: Socket) => void {
  const waiting = new WeakSet<Socket>();
  const ended = (socket: Socket): void => {
    if (waiting.delete(socket)) acceptor.upgradeEnded();
  };
  function closed(this: Socket): void {
    ended(this);
  }
  server.on(event, (socket: Socket) => {
    if (!acceptor.tryUpgrade()) {
      socket.destroy();
      return;
    }
    waiting.add(socket);
    socket.on("close", closed);
  });
  return ended;
}

function isMqtt(request: IncomingMessage): boolean {
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",");
  return paths.includes(path) && offered.some((name) => subprotocols.includes(name.trim()));
}

/** A foreign name that resolves to loopback is an attack, and so is a page from elsewhere. */
function isFromThisMachine({ headers }: IncomingMessage): boolean {
  const hostname = URL.parse(`http://${headers.host ?? ""}`)?.hostname ?? "";
  if (!isLoopbackHost(hostname)) return false;
  const { origin } = headers;
  return origin === undefined || isLoopbackHost(URL.parse(origin)?.hostname ?? "");
}

function refuse(socket: Duplex, status: string): void {
  const headers = "connection: close\r\ncontent-length: 0";
  sayLastWords(socket, `HTTP/1.1 ${status}\r\n${headers}\r\n\r\n`);
}

function connect(
  webSocket: ChanneledSocket,
  request: IncomingMessage,
  acceptor: ChannelAcceptor,
  failed: (error: Error) => void,
): void {
  webSocket.on("error", failed);
  const channel = new WebSocketChannel(webSocket, request);
  const handler = acceptor.accept(channel);
  if (handler === null) {
    webSocket.terminate();
    return;
  }
  channel.handler = handler;
  webSocket[channelKey] = channel;
  webSocket.on("message", received);
  webSocket.on("close", closed);
}

/** The channel of a WebSocket stands on it, so that all share their listeners instead of having a closure each. */
const channelKey = Symbol("channel");

interface ChanneledSocket extends WebSocket {
  [channelKey]?: WebSocketChannel;
}

const readMemory = new ReadMemory();

function received(this: ChanneledSocket, data: RawData, isBinary: boolean): void {
  const channel = this[channelKey]!;
  // [MQTT-6.0.0-2]
  const { handler } = channel;
  if (isBinary) {
    if (handler !== null) readMemory.useGiven(bytesOf(data), handler);
  } else {
    // [MQTT-6.0.0-1]
    channel.closeCode = unsupportedData;
    handler?.violated("a WebSocket text frame");
    channel.end();
  }
}

function closed(this: ChanneledSocket): void {
  this[channelKey]!.handler?.closed();
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

class WebSocketChannel implements Channel {
  readonly remoteAddress: string;
  readonly isLoopback: boolean;
  readonly certificateName: string | null;
  readonly #webSocket: WebSocket;
  /** null until it is accepted. */
  handler: ChannelHandler | null = null;
  closeCode = normalClosure;

  constructor(webSocket: WebSocket, request: IncomingMessage) {
    this.#webSocket = webSocket;
    this.remoteAddress = plainAddress(request.socket.remoteAddress);
    this.isLoopback = isLoopbackAddress(this.remoteAddress);
    this.certificateName = certificateName(request.socket);
    request.socket.setNoDelay(true);
  }

  /** One frame per turn, whatever packets it carries. */
  write(chunks: readonly Buffer[], written?: () => void): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    const frame = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    this.#webSocket.send(frame, { binary: true }, () => {
      written?.();
      if (this.#webSocket.bufferedAmount === 0) this.handler?.drained();
    });
  }

  bufferedSizeBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  end(): void {
    this.#webSocket.close(this.closeCode);
  }

  destroy(): void {
    this.#webSocket.terminate();
  }

  pauseReading(): void {
    this.#webSocket.pause();
  }

  resumeReading(): void {
    this.#webSocket.resume();
  }
}
