import { encodeCommand } from "../replica/commands.ts";
import type { AttributeUpdate, Fence } from "../replica/replica-api.ts";
import { joinUpdateValues } from "../replica/state-value.ts";
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
  readonly writer: Writer;
  readonly waiters: Waiter[];
}

/**
 * Device state on its way to the log. While one batch is in flight, newer values replace older ones of the same client that
 * wait for the next (objects take over the newer fields), so that a fast sensor costs one entry per round trip; everyone whose value was replaced is answered when the
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
    for (const update of updates) this.#put(writer, update, waiter);
    this.#schedule();
  }

  /**
   * A retained message with values of the same attributes is about to go to the log: what waits of them goes first, so
   * that nothing older comes after it.
   */
  sendBefore(updates: readonly AttributeUpdate[]): void {
    if (updates.some((update) => this.#waiting.has(keyOf(update)))) this.#send();
  }

  #put(writer: Writer, update: AttributeUpdate, waiter: Waiter | null): void {
    const key = keyOf(update);
    const slot = this.#waiting.get(key);
    // Only values under one claim are joined: what one client may not write any more, another still may.
    const joined =
      slot && isSameWriter(slot.writer, writer)
        ? joinUpdateValues(slot.update.value, update.value)
        : null;
    if (slot && joined) {
      this.#context.counters.stateUpdatesCoalesced++;
      slot.update = { ...update, value: joined.value };
      if (waiter) slot.waiters.push(waiter);
      return;
    }
    // Both must be applied, in this order: a second batch gets under way behind the first.
    if (slot) this.#send();
    this.#waiting.set(key, { update, writer, waiters: waiter ? [waiter] : [] });
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

function isSameWriter(one: Writer, other: Writer): boolean {
  return one.source === other.source && one.fence === other.fence;
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
  if (one.status !== "committed" || other.status !== "committed") return other;
  return one.version > other.version ? one : other;
}
