import type { NodeId } from "../../cluster/node-id.ts";
import type { SimClock } from "./sim-clock.ts";

/** A running hash of everything that happened, and when: two runs of a seed must end with the same. */
export class Trace {
  readonly #clock: SimClock;
  #a = 0x811c9dc5;
  #b = 0x9747b28c;
  frames = 0;

  constructor(clock: SimClock) {
    this.#clock = clock;
  }

  frame(from: NodeId, to: NodeId, channel: number, frame: Uint8Array): void {
    this.frames++;
    this.#mix(from.charCodeAt(0) * 256 + to.charCodeAt(0));
    this.#mix(channel * 0x1000000 + frame.length);
    this.#mix(this.#clock.nowMs * 1000);
  }

  event(text: string): void {
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i));
    this.#mix(this.#clock.nowMs * 1000);
  }

  hex(): string {
    return [this.#a, this.#b].map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #mix(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 0x01000193);
    this.#b = Math.imul(this.#b ^ (value >>> 7) ^ (this.#a >>> 3), 0x85ebca6b);
  }
}
