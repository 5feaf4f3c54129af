import { effect } from "@preact/signals";
import type { PositionLine, PositionMark } from "../model/api-types.ts";
import { link } from "./link.ts";

const retryMs = 500;

type Batch = readonly (PositionLine | PositionMark)[];

/** Positions of all devices from the node that is talked to, for as long as somebody looks at the map. */
export class PositionFeed {
  readonly #intervalMs: number;
  readonly #onBatch: (batch: Batch) => void;
  readonly #stopEffect: () => void;
  #socket: WebSocket | null = null;
  #retry: number | undefined;

  constructor(intervalMs: number, onBatch: (batch: Batch) => void) {
    this.#intervalMs = intervalMs;
    this.#onBatch = onBatch;
    // Only while the main feed stands: it finds out which node answers.
    this.#stopEffect = effect(() => {
      const { phase, base } = link.value;
      this.#close();
      if (phase === "live") this.#open(base);
    });
  }

  stop(): void {
    this.#stopEffect();
    this.#close();
  }

  #open(base: string): void {
    const url = `${base.replace(/^http/, "ws")}/coordinates?interval=${this.#intervalMs}&gone=true`;
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket && typeof data === "string") this.#take(data);
    };
    socket.onclose = () => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      this.#retry = setTimeout(() => this.#open(base), retryMs);
    };
  }

  #take(data: string): void {
    const batch: unknown = JSON.parse(data);
    if (Array.isArray(batch)) this.#onBatch(batch);
  }

  #close(): void {
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }
}
