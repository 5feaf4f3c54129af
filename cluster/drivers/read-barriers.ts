import type { ReadOutcome } from "../cluster-api.ts";
import { logLimits } from "../log-limits.ts";
import type { Cancel, Clock, Counters } from "../ports.ts";
import type { LogIndex } from "../raft/types.ts";

interface Waiter {
  readonly deadlineMs: number;
  /** Null once answered. */
  resolve: ((outcome: ReadOutcome) => void) | null;
}

interface Confirmed {
  readonly index: LogIndex;
  readonly waiters: Waiter[];
}

/** What `ReadBarriers` needs of the consensus core. */
export interface ReadIndexSource {
  readIndex(requestId: number): void;
  appliedIndex(): LogIndex;
}

/** A request that got no answer is asked again, under a new id, after this long; a late answer to the old one still counts. */
const retryMs = 150;
/** Attempts that are remembered; older ones are given up. */
const attemptsMax = 16;

/**
 * Linearizable reads: callers of one turn share a read index, and wait until this node has applied it. Every attempt has
 * an id of its own and an answer counts only for the attempt that asked, so that a late answer of an earlier term cannot
 * satisfy a read (etcd #20418).
 */
export class ReadBarriers {
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #source: ReadIndexSource;
  #waiting = 0;
  #lastId = 0;
  #unasked: Waiter[] = [];
  /** Callers whose attempt failed; they join the next one. */
  #again: Waiter[] = [];
  readonly #asked = new Map<number, Waiter[]>();
  #confirmed: Confirmed[] = [];
  #isScheduled = false;
  #isClosed = false;
  #retry: Cancel | null = null;

  constructor(clock: Clock, counters: Counters, source: ReadIndexSource) {
    this.#clock = clock;
    this.#counters = counters;
    this.#source = source;
  }

  /** Callers that have no answer yet. */
  get waiting(): number {
    return this.#waiting;
  }

  wait(timeoutMs: number): Promise<ReadOutcome> {
    if (this.#isClosed) return Promise.resolve("no-quorum");
    if (this.#waiting >= logLimits.readBarriersMax) {
      this.#counters.add("reads_refused");
      return Promise.resolve("overloaded");
    }
    this.#waiting++;
    return new Promise((resolve) => {
      const settle = (outcome: ReadOutcome): void => {
        this.#waiting--;
        resolve(outcome);
      };
      this.#unasked.push({ deadlineMs: this.#clock.monotonicMs() + timeoutMs, resolve: settle });
      this.#schedule();
    });
  }

  /** The core confirmed a read index. */
  confirmed(requestId: number, index: LogIndex): void {
    const waiters = this.#asked.get(requestId);
    if (waiters === undefined) return;
    this.#asked.delete(requestId);
    this.#confirmed.push({ index, waiters });
    this.applied();
    if (this.#confirmed.length > 0) this.#scheduleRetry();
  }

  /** The core can no longer answer: the same callers ask again. */
  dropped(requestId: number): void {
    const waiters = this.#asked.get(requestId);
    if (waiters === undefined) return;
    this.#asked.delete(requestId);
    this.#again.push(...waiters);
    this.#scheduleRetry();
  }

  /** More entries were applied. */
  applied(): void {
    if (this.#confirmed.length === 0) return;
    const appliedIndex = this.#source.appliedIndex();
    const open: Confirmed[] = [];
    for (const group of this.#confirmed) {
      if (group.index > appliedIndex) open.push(group);
      else for (const waiter of group.waiters) answer(waiter, "ok");
    }
    this.#confirmed = open;
  }

  /** Called now and then: answers those whose time is up. */
  expire(nowMs: number): void {
    this.#unasked = keepUnexpired(this.#unasked, nowMs);
    this.#again = keepUnexpired(this.#again, nowMs);
    for (const [id, waiters] of this.#asked) {
      const kept = keepUnexpired(waiters, nowMs);
      if (kept.length === 0) this.#asked.delete(id);
      else this.#asked.set(id, kept);
    }
    this.#confirmed = this.#confirmed
      .map(({ index, waiters }) => ({ index, waiters: keepUnexpired(waiters, nowMs) }))
      .filter(({ waiters }) => waiters.length > 0);
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.();
    this.expire(Number.POSITIVE_INFINITY);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.endOfTurn(() => {
      this.#isScheduled = false;
      this.#ask();
    });
  }

  #ask(): void {
    if (this.#unasked.length === 0 || this.#isClosed) return;
    const id = ++this.#lastId;
    this.#asked.set(id, this.#unasked);
    this.#unasked = [];
    this.#scheduleRetry();
    this.#source.readIndex(id);
  }

  #scheduleRetry(): void {
    if (this.#retry !== null) return;
    this.#retry = this.#clock.after(retryMs, () => {
      this.#retry = null;
      this.expire(this.#clock.monotonicMs());
      const open = new Set(this.#again);
      for (const [id, waiters] of this.#asked) {
        for (const waiter of waiters) open.add(waiter);
        if (id + attemptsMax <= this.#lastId) this.#asked.delete(id);
      }
      this.#again = [];
      this.#unasked.push(...open);
      this.#ask();
      // Those that wait to be applied have a deadline too, and nothing else may come to pass.
      if (this.#confirmed.length > 0) this.#scheduleRetry();
    });
  }
}

function keepUnexpired(waiters: Waiter[], nowMs: number): Waiter[] {
  const kept: Waiter[] = [];
  for (const waiter of waiters) {
    if (waiter.resolve === null) continue;
    if (waiter.deadlineMs > nowMs) kept.push(waiter);
    else answer(waiter, "no-quorum");
  }
  return kept;
}

function answer(waiter: Waiter, outcome: ReadOutcome): void {
  waiter.resolve?.(outcome);
  waiter.resolve = null;
}
