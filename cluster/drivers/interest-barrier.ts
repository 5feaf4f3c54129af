import { AckBarrier } from "../gossip/ack-barrier.ts";
import type { NodeId } from "../node-id.ts";
import type { Cancel, Clock, Counters } from "../ports.ts";

type Outcome = "live" | "timeout";

interface Turn {
  readonly timeoutMs: number;
  readonly promise: Promise<Outcome>;
  readonly resolve: (outcome: Outcome) => void;
  cancel: Cancel;
}

/** Promises around {@link AckBarrier}: all callers of one turn share one, because they wait for the same seq. */
export class InterestBarrier {
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #acks = new AckBarrier<Turn>();
  /** This turn's, by timeout; their seq is known at its end. */
  readonly #joining = new Map<number, Turn>();

  constructor(clock: Clock, counters: Counters) {
    this.#clock = clock;
    this.#counters = counters;
  }

  join(timeoutMs: number): Promise<Outcome> {
    let turn = this.#joining.get(timeoutMs);
    if (turn === undefined) {
      const { promise, resolve } = Promise.withResolvers<Outcome>();
      turn = { timeoutMs, promise, resolve, cancel: () => {} };
      this.#joining.set(timeoutMs, turn);
    }
    return turn.promise;
  }

  /** Ends the turn: those who joined wait for `seq`. */
  arm(seq: number): void {
    for (const turn of this.#joining.values()) {
      this.#acks.wait(seq, turn);
      turn.cancel = this.#clock.after(turn.timeoutMs, () => this.#expire(turn));
    }
    this.#joining.clear();
    this.#settle();
  }

  linked(nodeId: NodeId): void {
    this.#acks.linked(nodeId);
  }

  unlinked(nodeId: NodeId): void {
    this.#acks.unlinked(nodeId);
    this.#settle();
  }

  setDown(nodeId: NodeId, isDown: boolean): void {
    this.#acks.setDown(nodeId, isDown);
    this.#settle();
  }

  acked(nodeId: NodeId, seq: number): void {
    this.#acks.acked(nodeId, seq);
    this.#settle();
  }

  stop(): void {
    for (const turn of [...this.#joining.values(), ...this.#acks.removeAll()]) {
      turn.cancel();
      turn.resolve("timeout");
    }
    this.#joining.clear();
  }

  #settle(): void {
    for (const turn of this.#acks.settle()) {
      turn.cancel();
      turn.resolve("live");
    }
  }

  #expire(turn: Turn): void {
    this.#acks.remove(turn);
    this.#counters.add("route_barrier_timeouts");
    turn.resolve("timeout");
  }
}
