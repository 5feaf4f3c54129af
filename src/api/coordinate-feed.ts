import { type Cancel, type Clock, Counters } from "#cluster";
import { coordinatesOf, coordinatesPage } from "./coordinates.ts";
import type { DeviceQueries } from "./ports.ts";

/** What the feed needs of a WebSocket. */
export interface Viewer {
  readonly bufferedAmount: number;
  readonly readyState: number;
  send(text: string): void;
  ping(): void;
  close(code: number, reason: string): void;
  terminate(): void;
  on(event: "close" | "error" | "pong", handler: () => void): unknown;
}

export interface FeedLimits {
  /** Shortest time between two batches. */
  readonly intervalMs: number;
  /** Beyond: closed with 1013; `viewersRefused`. */
  readonly viewersMax: number;
  /** A viewer with more than this unread gets no batch (`batchesSkipped`), and the full set once it has caught up. */
  readonly bufferedSizeBytesMax: number;
  /** A viewer that has not answered the last ping when the next is due is cut off; `viewersLost`. */
  readonly pingMs: number;
}

export const defaultFeedLimits: FeedLimits = {
  intervalMs: 1000,
  viewersMax: 1000,
  bufferedSizeBytesMax: 1_048_576,
  pingMs: 30_000,
};

const readyStateOpen = 1;

interface ViewerState {
  /** Device after which the walk over the full set goes on; null when the viewer has all. */
  walkAfter: string | null;
  isAlive: boolean;
}

/** Tells viewers where devices are: first all of them, then what changed, in one batch for everybody. */
export class CoordinateFeed {
  readonly counters = new Counters();
  readonly #devices: DeviceQueries;
  readonly #clock: Clock;
  readonly #limits: FeedLimits;
  readonly #viewers = new Map<Viewer, ViewerState>();
  /** At most one entry per device. Empty while nobody watches. */
  readonly #changed = new Set<string>();
  readonly #stopListening: () => void;
  #cancelBatch: Cancel | null = null;
  #cancelPing: Cancel | null = null;
  #lastBatchMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  constructor(devices: DeviceQueries, clock: Clock, limits: FeedLimits = defaultFeedLimits) {
    this.#devices = devices;
    this.#clock = clock;
    this.#limits = limits;
    this.#stopListening = devices.onChanged((id) => {
      if (this.#viewers.size > 0) {
        this.#changed.add(id);
        this.#scheduleBatch();
      }
    });
  }

  get viewerCount(): number {
    return this.#viewers.size;
  }

  add(viewer: Viewer): void {
    if (this.#isStopped) {
      viewer.close(1001, "the node stops");
      return;
    }
    if (this.#viewers.size >= this.#limits.viewersMax) {
      this.counters.add("viewersRefused");
      viewer.close(1013, "too many viewers");
      return;
    }
    const state: ViewerState = { walkAfter: "", isAlive: true };
    this.#viewers.set(viewer, state);
    viewer.on("pong", () => {
      state.isAlive = true;
    });
    viewer.on("error", () => viewer.terminate());
    viewer.on("close", () => this.#remove(viewer));
    this.#walk(viewer, state);
    this.#cancelPing ??= this.#clock.after(this.#limits.pingMs, () => this.#ping());
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopListening();
    this.#cancelBatch?.();
    this.#cancelPing?.();
    for (const viewer of this.#viewers.keys()) {
      viewer.close(1001, "the node stops");
    }
    this.#viewers.clear();
  }

  #remove(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size === 0) {
      this.#changed.clear();
    }
  }

  #scheduleBatch(): void {
    if (this.#cancelBatch === null) {
      const dueMs = this.#lastBatchMs + this.#limits.intervalMs - this.#clock.monotonicMs();
      this.#cancelBatch = this.#clock.after(Math.max(0, dueMs), () => this.#sendBatch());
    }
  }

  #sendBatch(): void {
    this.#cancelBatch = null;
    this.#lastBatchMs = this.#clock.monotonicMs();
    const text = this.#takeChanged();
    for (const [viewer, state] of this.#viewers) {
      if (this.#isBehind(viewer)) {
        // It needs the newest values later, not every value: the walk starts over once it has read what it has.
        this.counters.add("batchesSkipped");
        state.walkAfter = "";
      } else {
        if (text !== null) {
          viewer.send(text);
        }
        this.#walk(viewer, state);
      }
      if (state.walkAfter !== null) {
        this.#scheduleBatch();
      }
    }
  }

  #takeChanged(): string | null {
    const batch = [...this.#changed]
      .map((id) => this.#devices.get(id))
      .map((device) => (device === null ? null : coordinatesOf(device)))
      .filter((coordinates) => coordinates !== null);
    this.#changed.clear();
    return batch.length === 0 ? null : JSON.stringify(batch);
  }

  /** Sends pages of the full set for as long as the viewer takes them. An empty set is told, too: the viewer is in step. */
  #walk(viewer: Viewer, state: ViewerState): void {
    while (state.walkAfter !== null && !this.#isBehind(viewer)) {
      const { page, next } = coordinatesPage(this.#devices, state.walkAfter);
      if (page.length > 0 || state.walkAfter === "") {
        viewer.send(JSON.stringify(page));
      }
      state.walkAfter = next;
    }
    if (state.walkAfter !== null) {
      this.#scheduleBatch();
    }
  }

  #isBehind(viewer: Viewer): boolean {
    return (
      viewer.readyState !== readyStateOpen ||
      viewer.bufferedAmount > this.#limits.bufferedSizeBytesMax
    );
  }

  #ping(): void {
    this.#cancelPing = null;
    for (const [viewer, state] of this.#viewers) {
      if (state.isAlive) {
        state.isAlive = false;
        viewer.ping();
      } else {
        this.counters.add("viewersLost");
        viewer.terminate();
        this.#remove(viewer);
      }
    }
    if (this.#viewers.size > 0) {
      this.#cancelPing = this.#clock.after(this.#limits.pingMs, () => this.#ping());
    }
  }
}
