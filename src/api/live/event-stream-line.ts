import type { ServerResponse } from "node:http";
import type { Line } from "./line.ts";
import type { LivePacket } from "./packet.ts";

/** After this long a client that lost the stream opens it again, with the last token that it got. */
const retryMs = 2000;

/** Server-sent events: one way, over an ordinary response. */
export class EventStreamLine implements Line {
  readonly #response: ServerResponse;
  #pong: () => void = () => {
    // Nobody asked yet.
  };

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** Before anything is sent. */
  open(): void {
    const response = this.#response;
    response.on("error", () => response.destroy());
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // Proxies that gather answers would keep the news back.
      "x-accel-buffering": "no",
    });
    response.write(`retry: ${retryMs}\n\n`);
  }

  get bufferedSizeBytes(): number {
    return this.#response.writableLength;
  }

  get isOpen(): boolean {
    return !this.#response.writableEnded && !this.#response.destroyed;
  }

  send(packet: LivePacket): void {
    this.#response.write(packet.eventText);
  }

  gather(work: () => void): void {
    this.#response.cork();
    try {
      work();
    } finally {
      this.#response.uncork();
    }
  }

  /** A comment; the system has taken it, and all before it, once its callback runs. */
  ping(): void {
    this.#response.write(":\n\n", (error) => {
      if (error === null || error === undefined) this.#pong();
    });
  }

  onPong(handler: () => void): void {
    this.#pong = handler;
  }

  onClose(handler: () => void): void {
    this.#response.on("close", handler);
  }

  close(): void {
    this.#response.end();
  }

  terminate(): void {
    this.#response.destroy();
  }
}
