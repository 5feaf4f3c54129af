import type { ProposalOutcome } from "#cluster";
import { encodeCommand } from "../replica/commands.ts";
import { replicaLimits } from "../replica/limits.ts";
import type { AttributeUpdate, StatesResult } from "../replica/replica-api.ts";
import { outcomeOf } from "./commit-outcome.ts";
import type { BrokerContext } from "./context.ts";
import type { CommitOutcome } from "./publish-queue.ts";
import { commandGroupOf, commandsOf, type SlotGroup } from "./state-groups.ts";
import {
  isSameWriter,
  type Slot,
  type StateWaiter,
  WaitingUpdates,
  type Writer,
} from "./waiting-updates.ts";

export type Committed = (outcome: CommitOutcome) => void;

/**
 * Device state on its way to the log. Newer values replace older ones of the same client that wait for the next batch (objects take
 * over the newer fields); everyone whose value was replaced is answered when the newest is committed. A batch leaves when the one
 * before is in the log and `stateCoalesceMs` have passed since it left: so a lone value leaves at once, and a fast sensor costs one
 * update in that time. Where the one before took longer than that, those whom it answered have only begun to send again: the next one
 * waits for them half as long as it took, or what they send would be cut into two batches in which less is joined. A lone publisher is
 * not waited for, as all it sends is there.
 */
export class StateBatches {
  readonly #context: BrokerContext;
  readonly #waiting = new WaitingUpdates(replicaLimits.valueSizeBytesMax);
  /** Commands of batches; what was sent ahead of its batch is none of them. */
  #inFlight = 0;
  /** Whom the batch under way has answered so far. */
  #answered: Writer | "several" | null = null;
  #isScheduled = false;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  /** Of the next batch. */
  #earliestMs = Number.NEGATIVE_INFINITY;

  constructor(context: BrokerContext) {
    this.#context = context;
  }

  /** `waiter` is null where nobody waits (QoS 0). */
  add(
    writer: Writer,
    update: AttributeUpdate,
    sizeBytes: number,
    waiter: StateWaiter | null,
  ): void {
    const { counters, limits } = this.#context;
    counters.stateUpdates++;
    const isFull =
      this.#waiting.heldCount >= limits.stateUpdatesWaitingMax ||
      this.#waiting.heldSizeBytes >= limits.stateUpdatesSizeBytesMax;
    if (isFull) {
      if (waiter !== null) waiter.settled({ status: "refused" });
      else counters.publishOverloaded++;
      return;
    }
    if (this.#waiting.put(writer, update, sizeBytes, waiter)) counters.stateUpdatesCoalesced++;
    this.#schedule();
  }

  /**
   * A value of this attribute is about to go to the log by other means, of a retained message, say: what waits of it goes first, so
   * that nothing older comes after it. The rest waits on, or one client of that kind would leave the others nothing to be joined with.
   */
  sendBefore(device: string, attribute: string): void {
    if (this.#waiting.isEmpty) return;
    this.#proposeAll(this.#waiting.takeOf({ device, attribute }), null);
  }

  /** Everything that waits leaves now. */
  flush(): void {
    if (this.#waiting.isEmpty) return;
    if (this.#inFlight === 0) this.#answered = null;
    this.#sentAtMs = this.#context.clock.monotonicMs();
    this.#earliestMs = this.#sentAtMs + this.#context.limits.stateCoalesceMs;
    this.#proposeAll(this.#waiting.take(), this.#batchAnswered);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#inFlight > 0 || this.#waiting.isEmpty) return;
    this.#isScheduled = true;
    const { clock } = this.#context;
    const waitMs = this.#earliestMs - clock.monotonicMs();
    if (waitMs <= 0) clock.endOfTurn(this.#leave);
    else clock.after(waitMs, this.#leave);
  }

  readonly #leave = (): void => {
    this.#isScheduled = false;
    // Something else may have sent what waited: what came since waits as behind any batch.
    if (this.#earliestMs > this.#context.clock.monotonicMs()) this.#schedule();
    else if (this.#inFlight === 0) this.flush();
  };

  #proposeAll(sections: readonly (readonly Slot[])[], answered: Answered | null): void {
    const { stateUpdatesPerCommand, stateCommandSizeBytes } = this.#context.limits;
    const bounds = { countMax: stateUpdatesPerCommand, sizeBytesMax: stateCommandSizeBytes };
    for (const groups of commandsOf(sections, bounds)) this.#propose(groups, answered);
  }

  #propose(groups: readonly SlotGroup[], answered: Answered | null): void {
    const { cluster, limits } = this.#context;
    const command = this.#encoded(groups);
    if (command === null) {
      this.#answer(groups, { status: "rejected", reason: "too-large" });
      return;
    }
    if (answered !== null) this.#inFlight++;
    cluster.propose(command, limits.commitTimeoutMs, (proposal) => {
      this.#answer(groups, proposal);
      answered?.(groups);
    });
  }

  /** Null when that is not possible: those of other commands, and the next batch, do not suffer for it. */
  #encoded(groups: readonly SlotGroup[]): Buffer | null {
    try {
      return encodeCommand({ type: "states", groups: groups.map(commandGroupOf) });
    } catch (error) {
      this.#context.counters.internalErrors++;
      this.#context.log.error({ error }, "device updates could not be encoded");
      return null;
    }
  }

  #answer(groups: readonly SlotGroup[], proposal: ProposalOutcome): void {
    const { versions } = (proposal.status === "applied" &&
      (proposal.result as StatesResult | null)) || { versions: [] };
    for (const [at, { slots }] of groups.entries()) {
      const version = versions[at];
      const outcome =
        version === undefined || proposal.status !== "applied"
          ? outcomeOf(proposal)
          : outcomeOf({ ...proposal, result: { version } });
      for (const slot of slots) {
        this.#waiting.release(slot);
        this.#settle(slot, outcome);
      }
    }
  }

  #settle(slot: Slot, outcome: CommitOutcome): void {
    for (let waiter = slot.first; waiter !== null; ) {
      const { next } = waiter;
      waiter.next = null;
      try {
        waiter.settled(outcome);
      } catch (error) {
        // Thousands wait for the same batch, and are answered whatever is wrong with one of them.
        this.#context.counters.internalErrors++;
        this.#context.log.error({ error }, "the publisher of a device update was not answered");
      }
      waiter = next;
    }
  }

  readonly #batchAnswered: Answered = (groups) => {
    for (const { writer, slots } of groups) {
      if (this.#answered === "several" || !slots.some(({ first }) => first !== null)) continue;
      const isFirst = this.#answered === null || isSameWriter(this.#answered, writer);
      this.#answered = isFirst ? writer : "several";
    }
    this.#inFlight--;
    if (this.#inFlight === 0) this.#applied();
  };

  #applied(): void {
    const { clock, limits } = this.#context;
    if (this.#answered === "several") {
      const nowMs = clock.monotonicMs();
      const gatheringMs = Math.min((nowMs - this.#sentAtMs) / 2, limits.stateCoalesceMs);
      this.#earliestMs = Math.max(this.#earliestMs, nowMs + gatheringMs);
    }
    this.#schedule();
  }
}

type Answered = (groups: readonly SlotGroup[]) => void;
