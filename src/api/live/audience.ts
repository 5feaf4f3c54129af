import type { Cancel, Clock, Counters } from "#cluster";
import type { LiveLimits } from "./limits.ts";
import type { Line } from "./line.ts";

interface Attendance {
  isAlive: boolean;
  readonly left: () => void;
}

/** Everybody who watches this node, by whatever way: how many there may be, who is still there, and their goodbye. */
export class Audience {
  readonly #clock: Clock;
  readonly #limits: LiveLimits;
  readonly #counters: Counters;
  readonly #lines = new Map<Line, Attendance>();
  #cancelPing: Cancel | null = null;
  #isStopped = false;

  constructor(clock: Clock, limits: LiveLimits, counters: Counters) {
    this.#clock = clock;
    this.#limits = limits;
    this.#counters = counters;
  }

  get size(): number {
    return this.#lines.size;
  }

  /** False: there is no room; counted. */
  hasRoom(): boolean {
    if (this.#lines.size < this.#limits.viewersMax) return true;
    this.#counters.add("viewersRefused");
    return false;
  }

  /** `left` is called once, when the line is gone or cut off. False: it was turned away, and `left` is not called. */
  add(line: Line, left: () => void): boolean {
    if (this.#isStopped) {
      line.close(1001, "the node stops");
      return false;
    }
    if (!this.hasRoom()) {
      line.close(1013, "too many viewers");
      return false;
    }
    const attendance: Attendance = { isAlive: true, left };
    this.#lines.set(line, attendance);
    line.onPong(() => {
      attendance.isAlive = true;
    });
    line.onClose(() => this.#remove(line));
    this.#cancelPing ??= this.#clock.after(this.#limits.pingMs, () => this.#ping());
    return true;
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelPing?.();
    for (const line of [...this.#lines.keys()]) {
      line.close(1001, "the node stops");
      this.#remove(line);
    }
  }

  #remove(line: Line): void {
    const attendance = this.#lines.get(line);
    this.#lines.delete(line);
    attendance?.left();
  }

  #ping(): void {
    this.#cancelPing = null;
    for (const [line, attendance] of this.#lines) {
      if (attendance.isAlive) {
        attendance.isAlive = false;
        line.ping();
      } else {
        this.#counters.add("viewersLost");
        line.terminate();
        this.#remove(line);
      }
    }
    if (this.#lines.size > 0) {
      this.#cancelPing = this.#clock.after(this.#limits.pingMs, () => this.#ping());
    }
  }
}
