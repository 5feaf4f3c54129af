import { encodeCommand } from "../replica/commands.ts";
import type { AttributeUpdate, Fence, StateGroup, StatesResult } from "../replica/replica-api.ts";
import { joinUpdates } from "../replica/state-value.ts";
import { outcomeOf } from "./commit-outcome.ts";
import type { BrokerContext } from "./context.ts";
import type { CommitOutcome } from "./publish-queue.ts";

export type Committed = (outcome: CommitOutcome) => void;

/** A publisher that waits for its update, which may have been joined with others. */
export interface StateWaiter {
  /** The one behind it that waits for the same; whoever is waited for sees to it. */
  next: StateWaiter | null;
  settled(outcome: CommitOutcome): void;
}

/** Who wrote, and under which claim. */
export interface Writer {
  readonly source: string;
  readonly fence: Fence;
}

interface Slot {
  update: AttributeUpdate;
  sizeBytes: number;
  readonly writer: Writer;
  first: StateWaiter | null;
  last: StateWaiter | null;
  /** Behind which others of the same key it must be applied. */
  readonly section: number;
}

/** The updates of one client that are applied together. */
interface SlotGroup {
  readonly writer: Writer;
  readonly slots: Slot[];
}

/** Beside names and value: what one update may add to a command. */
const updateOverheadBytes = 64;

/**
 * Device state on its way to the log. Newer values replace older ones of the same client that wait for the next batch (objects take
 * over the newer fields); everyone whose value was replaced is answered when the newest is committed. A batch leaves when the one
 * before is in the log and `stateCoalesceMs` have passed since it left: so a lone value leaves at once, and a fast sensor costs one
 * update in that time. Where the one before took longer than that, those whom it answered have only begun to send again: the next one
 * waits for them half as long as it took, or what they send would be cut into two batches in which less is joined.
 */
export class StateBatches {
  readonly #context: BrokerContext;
  /** The last one of each key. */
  #byKey = new Map<string, Slot>();
  /** What cannot be joined with an earlier one of its key stands in a later section. */
  #sections: Slot[][] = [];
  /** Updates that wait, and publishers whose value was joined with one of them. */
  #waiting = 0;
  #inFlight = 0;
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
    if (this.#waiting >= limits.stateUpdatesWaitingMax) {
      if (waiter !== null) waiter.settled({ status: "refused" });
      else counters.publishOverloaded++;
      return;
    }
    this.#put(writer, update, sizeBytes, waiter);
    this.#schedule();
  }

  /**
   * A value of this attribute is about to go to the log by other means, of a retained message, say: what waits of it goes first, so
   * that nothing older comes after it.
   */
  sendBefore(device: string, attribute: string): void {
    if (this.#waiting > 0 && this.#byKey.has(keyOf({ device, attribute }))) this.flush();
  }

  /** Everything that waits leaves now. */
  flush(): void {
    if (this.#waiting > 0) this.#send();
  }

  #put(
    writer: Writer,
    update: AttributeUpdate,
    sizeBytes: number,
    waiter: StateWaiter | null,
  ): void {
    const key = keyOf(update);
    const slot = this.#byKey.get(key);
    // Only values under one claim are joined: what one client may not write any more, another still may.
    const joined =
      slot && isSameWriter(slot.writer, writer) ? joinUpdates(slot.update, update) : null;
    if (slot && joined) {
      this.#context.counters.stateUpdatesCoalesced++;
      slot.update = joined;
      slot.sizeBytes += joined.value === update.value ? sizeBytes - slot.sizeBytes : sizeBytes;
      if (waiter !== null) {
        if (slot.last === null) slot.first = waiter;
        else slot.last.next = waiter;
        slot.last = waiter;
        this.#waiting++;
      }
      return;
    }
    const section = slot ? slot.section + 1 : 0;
    const added: Slot = { update, sizeBytes, writer, first: waiter, last: waiter, section };
    this.#byKey.set(key, added);
    const slots = this.#sections[section];
    if (slots) slots.push(added);
    else this.#sections[section] = [added];
    this.#waiting++;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#inFlight > 0 || this.#waiting === 0) return;
    this.#isScheduled = true;
    const { clock } = this.#context;
    const leave = (): void => {
      this.#isScheduled = false;
      this.flush();
    };
    const waitMs = this.#earliestMs - clock.monotonicMs();
    if (waitMs <= 0) clock.endOfTurn(leave);
    else clock.after(waitMs, leave);
  }

  #send(): void {
    const sections = this.#sections;
    this.#byKey = new Map();
    this.#sections = [];
    this.#waiting = 0;
    const { stateUpdatesPerCommand, stateCommandSizeBytes, stateCoalesceMs } = this.#context.limits;
    this.#sentAtMs = this.#context.clock.monotonicMs();
    this.#earliestMs = this.#sentAtMs + stateCoalesceMs;
    let groups: SlotGroup[] = [];
    let [count, sizeBytes] = [0, 0];
    for (const group of sections.flatMap(groupsOf)) {
      for (const part of split(group, stateUpdatesPerCommand, stateCommandSizeBytes)) {
        const partBytes = sizeOf(part);
        const isFull =
          count + part.slots.length > stateUpdatesPerCommand ||
          sizeBytes + partBytes > stateCommandSizeBytes;
        if (isFull && groups.length > 0) {
          this.#propose(groups);
          groups = [];
          [count, sizeBytes] = [0, 0];
        }
        groups.push(part);
        count += part.slots.length;
        sizeBytes += partBytes;
      }
    }
    if (groups.length > 0) this.#propose(groups);
  }

  #propose(groups: readonly SlotGroup[]): void {
    const { cluster, limits } = this.#context;
    this.#inFlight++;
    const command = encodeCommand({ type: "states", groups: groups.map(commandGroupOf) });
    cluster.propose(command, limits.commitTimeoutMs, (proposal) => {
      this.#inFlight--;
      const { versions } = (proposal.status === "applied" &&
        (proposal.result as StatesResult | null)) || { versions: [] };
      for (const [at, { slots }] of groups.entries()) {
        const version = versions[at];
        const outcome =
          version === undefined || proposal.status !== "applied"
            ? outcomeOf(proposal)
            : outcomeOf({ ...proposal, result: { version } });
        for (const slot of slots) settle(slot, outcome);
      }
      if (this.#inFlight === 0) this.#applied();
    });
  }

  #applied(): void {
    const { clock, limits } = this.#context;
    const nowMs = clock.monotonicMs();
    const gatheringMs = Math.min((nowMs - this.#sentAtMs) / 2, limits.stateCoalesceMs);
    this.#earliestMs = Math.max(this.#earliestMs, nowMs + gatheringMs);
    this.#schedule();
  }
}

function groupsOf(slots: readonly Slot[]): readonly SlotGroup[] {
  const groups = new Map<string, SlotGroup>();
  // A client at QoS 1 or 2 has the same one as long as its claim is.
  const byWriter = new Map<Writer, SlotGroup>();
  for (const slot of slots) {
    const { writer } = slot;
    const known = byWriter.get(writer);
    if (known !== undefined) {
      known.slots.push(slot);
      continue;
    }
    const key = `${writer.fence}\u0000${writer.source}`;
    const group = groups.get(key) ?? { writer, slots: [] };
    group.slots.push(slot);
    groups.set(key, group);
    byWriter.set(writer, group);
  }
  return [...groups.values()];
}

/** A gateway may write for more devices than one command carries. */
function split(group: SlotGroup, countMax: number, sizeBytesMax: number): readonly SlotGroup[] {
  if (group.slots.length <= countMax && sizeOf(group) <= sizeBytesMax) return [group];
  const parts: SlotGroup[] = [];
  let slots: Slot[] = [];
  let sizeBytes = 0;
  for (const slot of group.slots) {
    const slotBytes = slot.sizeBytes + updateOverheadBytes;
    if (slots.length > 0 && (slots.length >= countMax || sizeBytes + slotBytes > sizeBytesMax)) {
      parts.push({ writer: group.writer, slots });
      slots = [];
      sizeBytes = 0;
    }
    slots.push(slot);
    sizeBytes += slotBytes;
  }
  return [...parts, { writer: group.writer, slots }];
}

function sizeOf({ slots }: SlotGroup): number {
  let sizeBytes = 0;
  for (const slot of slots) sizeBytes += slot.sizeBytes + updateOverheadBytes;
  return sizeBytes;
}

function commandGroupOf({ writer, slots }: SlotGroup): StateGroup {
  const { source, fence } = writer;
  return { source, fence, updates: slots.map(({ update }) => update) };
}

function isSameWriter(one: Writer, other: Writer): boolean {
  return one === other || (one.source === other.source && one.fence === other.fence);
}

/** Of what an update writes. */
export function keyOf({
  device,
  attribute,
}: Pick<AttributeUpdate, "device" | "attribute">): string {
  return `${device}\u0000${attribute}`;
}

function settle(slot: Slot, outcome: CommitOutcome): void {
  for (let waiter = slot.first; waiter !== null; ) {
    const { next } = waiter;
    waiter.next = null;
    waiter.settled(outcome);
    waiter = next;
  }
}
