import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { Line } from "./line.ts";
import type { LivePacket } from "./packet.ts";

export class WebSocketLine implements Line {
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;

  /** `socket` is the one below the WebSocket. */
  constructor(webSocket: WebSocket, socket: Duplex) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    // A "close" follows.
    webSocket.on("error", () => webSocket.terminate());
  }

  get bufferedSizeBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  get isOpen(): boolean {
    return this.#webSocket.readyState === this.#webSocket.OPEN;
  }

  send(packet: LivePacket): void {
    this.#webSocket.send(packet.webSocketText, { binary: false });
  }

  gather(work: () => void): void {
    this.#socket.cork();
    try {
      work();
    } finally {
      this.#socket.uncork();
    }
  }

  ping(): void {
    this.#webSocket.ping();
  }

  onPong(handler: () => void): void {
    this.#webSocket.on("pong", handler);
  }

  onClose(handler: () => void): void {
    this.#webSocket.on("close", handler);
  }

  onMessage(handler: (text: string | null) => void): void {
    this.#webSocket.on("message", (data, isBinary) => {
      handler(isBinary ? null : String(data));
    });
  }

  close(code: number, reason: string): void {
    this.#webSocket.close(code, reason);
  }

  terminate(): void {
    this.#webSocket.terminate();
  }
}
