import type { Cancel, Clock } from "../../cluster/ports.ts";

/** What happens at a moment, to a process or (null) to the world; `run` is null when it was cancelled. */
interface Timer {
  readonly dueMs: number;
  /** Breaks ties: timers due at the same moment run in the order in which they were set. */
  readonly sequence: number;
  readonly process: ProcessClock | null;
  run: (() => void) | null;
}

type Due = Pick<Timer, "process" | "run">;

const turnsMax = 10_000;
const settled = Promise.resolve();
const ticksPerMs = 1024;

/**
 * The one clock of a simulation: a heap of timers. Between two of them promises get a fixed number of microtask turns. That
 * need not be the end of every chain: what is left goes on after the next timer, in an order that is the same every time.
 */
export class SimClock {
  readonly #heap: Timer[] = [];
  #turn: Due[] = [];
  #sequence = 0;
  nowMs = 0;
  events = 0;

  after(delayMs: number, run: () => void, process: ProcessClock | null = null): Cancel {
    // Times are whole binary fractions, so that sums of them are exact and no wait ends a moment too early.
    const dueMs = Math.ceil((this.nowMs + Math.max(0, delayMs)) * ticksPerMs) / ticksPerMs;
    const timer: Timer = { dueMs, sequence: this.#sequence++, process, run };
    this.#push(timer);
    return () => {
      timer.run = null;
    };
  }

  endOfTurn(run: () => void, process: ProcessClock | null = null): void {
    this.#turn.push({ process, run });
  }

  /** Lets time pass until `untilMs`, or until `isOver` after some event. */
  run(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      let turns = 0;
      const step = (): void => {
        try {
          if (this.#turn.length > 0) {
            if (turns++ > turnsMax) {
              throw new Error("endOfTurn spins: time does not pass any more");
            }
            this.#endTurn();
          } else {
            turns = 0;
            if (!this.#runNext(untilMs) || isOver()) return resolve();
          }
        } catch (error) {
          return reject(error);
        }
        stepLater();
      };
      const stepLater = afterMicrotasks(step);
      if (isOver()) resolve();
      else stepLater();
    });
  }

  /** False when nothing is due until then. */
  #runNext(untilMs: number): boolean {
    const timer = this.#next();
    if (timer === undefined || timer.dueMs > untilMs) {
      this.nowMs = Math.max(this.nowMs, untilMs);
      return false;
    }
    this.#pop();
    this.nowMs = Math.max(this.nowMs, timer.dueMs);
    this.events++;
    runDue(timer);
    return true;
  }

  #endTurn(): void {
    const due = this.#turn;
    this.#turn = [];
    for (const one of due) runDue(one);
  }

  /** The first timer that was not cancelled. */
  #next(): Timer | undefined {
    while (this.#heap[0]?.run === null) this.#pop();
    return this.#heap[0];
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(timer, heap[parent] as Timer)) break;
      heap[at] = heap[parent] as Timer;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Timer;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Timer, heap[child] as Timer)) {
        child++;
      }
      if (!isBefore(heap[child] as Timer, last)) break;
      heap[at] = heap[child] as Timer;
      at = child;
    }
    heap[at] = last;
  }
}

/** Runs it three turns of the microtask queue later. With `then`, for `await` makes closures at each of them. */
function afterMicrotasks(run: () => void): () => void {
  const lastTurn = (): void => void settled.then(run);
  const secondTurn = (): void => void settled.then(lastTurn);
  return () => void settled.then(secondTurn);
}

function runDue(due: Due): void {
  if (due.process === null) due.run?.();
  else due.process.run(due);
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence);
}

/** What one process sees of the clock: it may stand still, its wall clock may jump, and what it planned dies with it. */
export class ProcessClock implements Clock {
  readonly #clock: SimClock;
  readonly #wall: { offsetMs: number };
  #held: Due[] = [];
  #isDead = false;
  #isPaused = false;

  constructor(clock: SimClock, wall: { offsetMs: number }) {
    this.#clock = clock;
    this.#wall = wall;
  }

  monotonicMs(): number {
    return this.#clock.nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + Math.floor(this.#clock.nowMs) + this.#wall.offsetMs;
  }

  after(delayMs: number, run: () => void): Cancel {
    return this.#clock.after(delayMs, run, this);
  }

  endOfTurn(run: () => void): void {
    this.#clock.endOfTurn(run, this);
  }

  die(): void {
    this.#isDead = true;
    this.#held = [];
  }

  /** As with SIGSTOP. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Everything that fell due meanwhile happens now. */
  resume(): void {
    this.#isPaused = false;
    const held = this.#held;
    this.#held = [];
    for (const due of held) this.run(due);
  }

  /** Now, later if the process stands still, or never if it is dead or was cancelled meanwhile. */
  run(due: Due): void {
    if (this.#isDead) return;
    if (this.#isPaused) this.#held.push(due);
    else due.run?.();
  }
}
