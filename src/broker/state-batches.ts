import { encodeCommand } from "../replica/commands.ts";
import type { AttributeUpdate, Fence } from "../replica/replica-api.ts";
import { outcomeOf } from "./commit-outcome.ts";
import type { BrokerContext } from "./context.ts";
import type { CommitOutcome } from "./publish-queue.ts";

export type Committed = (outcome: CommitOutcome) => void;

/** A publisher whose updates may stand in several commands; it hears of the worst of them. */
interface Waiter {
  open: number;
  worst: CommitOutcome | null;
  readonly done: Committed;
}

/** Who wrote, and under which claim. */
export interface Writer {
  readonly source: string;
  readonly fence: Fence;
}

interface Slot {
  update: AttributeUpdate;
  writer: Writer;
  readonly waiters: Waiter[];
}

/**
 * Device state on its way to the log. While one batch is in flight, newer values replace older ones that wait for the
 * next, so that a fast sensor costs one entry per round trip; everyone whose value was replaced is answered when the
 * newest is committed.
 */
export class StateBatches {
  readonly #context: BrokerContext;
  #waiting = new Map<string, Slot>();
  #inFlight = 0;
  #isScheduled = false;

  constructor(context: BrokerContext) {
    this.#context = context;
  }

  /** `done` is null where nobody waits (QoS 0). */
  add(writer: Writer, updates: readonly AttributeUpdate[], done: Committed | null): void {
    const { counters, limits } = this.#context;
    counters.stateUpdates += updates.length;
    if (this.#waiting.size + updates.length > limits.stateUpdatesWaitingMax) {
      counters.publishOverloaded++;
      done?.({ status: "refused" });
      return;
    }
    const waiter: Waiter | null = done && { open: updates.length, worst: null, done };
    for (const update of updates) {
      const key = keyOf(update);
      const slot = this.#waiting.get(key);
      if (slot) {
        counters.stateUpdatesCoalesced++;
        slot.update = update;
        slot.writer = writer;
        if (waiter) slot.waiters.push(waiter);
      } else {
        this.#waiting.set(key, { update, writer, waiters: waiter ? [waiter] : [] });
      }
    }
    this.#schedule();
  }

  /**
   * A retained message with newer values of the same attributes goes to the log now: what waits of them must not
   * come after it. Answers whom the retained message's outcome concerns, too.
   */
  supersede(updates: readonly AttributeUpdate[]): Committed | null {
    const slots: Slot[] = [];
    for (const update of updates) {
      const key = keyOf(update);
      const slot = this.#waiting.get(key);
      if (!slot) continue;
      this.#context.counters.stateUpdatesCoalesced++;
      this.#waiting.delete(key);
      slots.push(slot);
    }
    if (slots.length === 0) return null;
    return (outcome) => {
      for (const slot of slots) settle(slot, outcome);
    };
  }

  #schedule(): void {
    if (this.#isScheduled || this.#inFlight > 0 || this.#waiting.size === 0) return;
    this.#isScheduled = true;
    this.#context.clock.endOfTurn(() => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  #send(): void {
    const batch = this.#waiting;
    this.#waiting = new Map();
    const byWriter = new Map<string, Slot[]>();
    for (const slot of batch.values()) {
      const key = `${slot.writer.fence}\u0000${slot.writer.source}`;
      const slots = byWriter.get(key);
      if (slots) slots.push(slot);
      else byWriter.set(key, [slot]);
    }
    const { stateUpdatesPerCommand } = this.#context.limits;
    for (const slots of byWriter.values()) {
      for (let at = 0; at < slots.length; at += stateUpdatesPerCommand) {
        this.#propose(slots[0]!.writer, slots.slice(at, at + stateUpdatesPerCommand));
      }
    }
  }

  #propose({ source, fence }: Writer, slots: readonly Slot[]): void {
    const { cluster, limits } = this.#context;
    this.#inFlight++;
    const updates = slots.map((slot) => slot.update);
    const command = encodeCommand({ type: "state", source, updates, fence });
    cluster.propose(command, limits.commitTimeoutMs, (result) => {
      this.#inFlight--;
      const outcome = outcomeOf(result);
      for (const slot of slots) settle(slot, outcome);
      this.#schedule();
    });
  }
}

function keyOf(update: AttributeUpdate): string {
  return `${update.device}\u0000${update.attribute}`;
}

function settle(slot: Slot, outcome: CommitOutcome): void {
  for (const waiter of slot.waiters) {
    waiter.worst = worse(waiter.worst, outcome);
    if (--waiter.open === 0) waiter.done(waiter.worst);
  }
}

function worse(one: CommitOutcome | null, other: CommitOutcome): CommitOutcome {
  if (one === null) return other;
  if (one.status === "timeout" || other.status === "timeout") return { status: "timeout" };
  if (one.status === "refused" || other.status === "refused") return { status: "refused" };
  return one.version > other.version ? one : other;
}
