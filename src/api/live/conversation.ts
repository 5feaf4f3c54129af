import { problemOf } from "../problem.ts";
import type { LiveLimits } from "./limits.ts";
import { LivePacket } from "./packet.ts";
import type { Viewer } from "./viewer.ts";
import type { WebSocketLine } from "./web-socket-line.ts";
import { parseWishes, type Wishes } from "./wishes.ts";

const policyViolation = 1008;

/** What a viewer of `/api/v1/live` says over its WebSocket, one request after the other, and what it is answered. */
export class Conversation {
  readonly #viewer: Viewer;
  readonly #line: WebSocketLine;
  readonly #limits: LiveLimits;
  readonly #waiting: (() => Wishes)[] = [];
  #isBusy = false;

  constructor(viewer: Viewer, line: WebSocketLine, limits: LiveLimits) {
    this.#viewer = viewer;
    this.#line = line;
    this.#limits = limits;
    line.onMessage((text) => this.#receive(() => parseWishes(text ?? "", limits)));
  }

  /** As if the viewer had said so. */
  begin(wishes: Wishes): void {
    this.#receive(() => wishes);
  }

  #receive(request: () => Wishes): void {
    if (this.#waiting.length >= this.#limits.requestsWaitingMax) {
      this.#line.close(policyViolation, "too many requests wait");
      return;
    }
    this.#waiting.push(request);
    if (!this.#isBusy) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    for (let next = this.#waiting[0]; next !== undefined && this.#line.isOpen; ) {
      const packet = await this.#answer(next);
      if (this.#line.isOpen) this.#line.send(packet);
      this.#waiting.shift();
      next = this.#waiting[0];
    }
    this.#isBusy = false;
  }

  /** A request that is refused changes nothing. */
  async #answer(request: () => Wishes): Promise<LivePacket> {
    try {
      const wishes = request();
      await this.#viewer.follow(wishes);
      return subscribedPacket(wishes);
    } catch (error) {
      return errorPacket(error);
    }
  }
}

/** What is wanted now, as it was understood. */
export function subscribedPacket(wishes: Wishes): LivePacket {
  const { devices, messages, cluster, stats, intervalMs } = wishes;
  const subscribe = { devices: devicesWord(devices), messages, cluster, stats };
  return LivePacket.of({ type: "subscribed", subscribe, intervalMs });
}

function devicesWord(devices: Wishes["devices"]): boolean | object {
  if (devices === null || devices === "all") return devices === "all";
  return "where" in devices ? devices : { ids: devices };
}

export function errorPacket(error: unknown): LivePacket {
  const { code, detail, status } = problemOf(error);
  return LivePacket.of({ type: "error", code, status, detail });
}
