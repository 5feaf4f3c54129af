import type { AttributeUpdate, Fence } from "../replica/replica-api.ts";
import { joinUpdates, takesPlace } from "../replica/state-value.ts";
import type { CommitOutcome } from "./publish-queue.ts";

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

/** An update, joined of one or more, on its way to the log. */
export interface Slot {
  update: AttributeUpdate;
  sizeBytes: number;
  /** The update, and publishers whose value was joined with it. */
  heldCount: number;
  /** What these keep in memory, about, until they are answered. */
  heldSizeBytes: number;
  /** Its value came of joining two and is nobody else's. */
  isOwned: boolean;
  isTaken: boolean;
  readonly writer: Writer;
  first: StateWaiter | null;
  last: StateWaiter | null;
  /** Of the same key, and not joined with it: it is applied before. */
  readonly earlier: Slot | null;
  /** How many of those there are. */
  readonly section: number;
}

/** Beside names and value: what one update may add to a command. */
export const updateOverheadBytes = 64;

/**
 * Device state that waits for its batch. A newer value takes the place of an older one of the same client (an object takes over the newer
 * fields), unless the joined one might be too large to be kept, so that both were lost.
 */
export class WaitingUpdates {
  readonly #valueSizeBytesMax: number;
  /** The last one of each key. */
  #byKey = new Map<string, Slot>();
  /** What cannot be joined with an earlier one of its key stands in a later section. */
  #sections: Slot[][] = [];
  /** Slots that were taken and stand there still. */
  #takenCount = 0;
  #heldCount = 0;
  #heldSizeBytes = 0;

  constructor(valueSizeBytesMax: number) {
    this.#valueSizeBytesMax = valueSizeBytesMax;
  }

  get isEmpty(): boolean {
    return this.#byKey.size === 0;
  }

  /** Of updates that were not answered yet, whether they were taken or not, and of publishers whose value was joined with one of them. */
  get heldCount(): number {
    return this.#heldCount;
  }

  /** What these keep in memory, about. */
  get heldSizeBytes(): number {
    return this.#heldSizeBytes;
  }

  /** True when it was joined with one that waits. `waiter` is null where nobody waits. */
  put(
    writer: Writer,
    update: AttributeUpdate,
    sizeBytes: number,
    waiter: StateWaiter | null,
  ): boolean {
    const key = keyOf(update);
    const slot = this.#byKey.get(key);
    // Only values under one claim are joined: what one client may not write any more, another still may.
    if (slot !== undefined && isSameWriter(slot.writer, writer)) {
      const sizeBefore = slot.sizeBytes;
      if (this.#join(slot, update, sizeBytes)) {
        if (waiter === null) this.#hold(slot, 0, slot.sizeBytes - sizeBefore);
        else this.#wait(slot, waiter, sizeBytes);
        return true;
      }
    }
    const section = slot === undefined ? 0 : slot.section + 1;
    const added: Slot = {
      update,
      sizeBytes,
      heldCount: 0,
      heldSizeBytes: 0,
      isOwned: false,
      isTaken: false,
      writer,
      first: waiter,
      last: waiter,
      earlier: slot ?? null,
      section,
    };
    this.#hold(added, 1, sizeBytes + updateOverheadBytes);
    this.#byKey.set(key, added);
    const slots = this.#sections[section];
    if (slots) slots.push(added);
    else this.#sections[section] = [added];
    return false;
  }

  /** It was answered, and keeps nothing in memory any more. */
  release(slot: Slot): void {
    this.#hold(slot, -slot.heldCount, -slot.heldSizeBytes);
  }

  #join(slot: Slot, update: AttributeUpdate, sizeBytes: number): boolean {
    const isFitting = slot.sizeBytes + sizeBytes <= this.#valueSizeBytesMax;
    if (!isFitting && !takesPlace(slot.update, update)) return false;
    const joined = joinUpdates(slot.update, update, slot.isOwned && isFitting);
    if (joined === null) return false;
    const isReplaced = joined.value === update.value;
    slot.update = joined;
    slot.isOwned = !isReplaced;
    slot.sizeBytes = isReplaced ? sizeBytes : slot.sizeBytes + sizeBytes;
    return true;
  }

  #wait(slot: Slot, waiter: StateWaiter, sizeBytes: number): void {
    if (slot.last === null) slot.first = waiter;
    else slot.last.next = waiter;
    slot.last = waiter;
    this.#hold(slot, 1, sizeBytes + updateOverheadBytes);
  }

  #hold(slot: Slot, count: number, sizeBytes: number): void {
    slot.heldCount += count;
    slot.heldSizeBytes += sizeBytes;
    this.#heldCount += count;
    this.#heldSizeBytes += sizeBytes;
  }

  /** Everything, by sections. */
  take(): readonly (readonly Slot[])[] {
    this.#forgetTaken();
    const sections = this.#sections;
    this.#byKey = new Map();
    this.#sections = [];
    return sections;
  }

  /** What waits of one attribute, by sections; the others wait on. */
  takeOf(name: AttributeName): readonly (readonly Slot[])[] {
    const key = keyOf(name);
    const sections: Slot[][] = [];
    for (let slot = this.#byKey.get(key) ?? null; slot !== null; slot = slot.earlier) {
      slot.isTaken = true;
      this.#takenCount++;
      sections.push([slot]);
    }
    this.#byKey.delete(key);
    // Seldom enough that it costs no more than taking them did.
    if (this.#takenCount > this.#byKey.size) this.#forgetTaken();
    return sections.reverse();
  }

  #forgetTaken(): void {
    if (this.#takenCount === 0) return;
    this.#takenCount = 0;
    this.#sections = this.#sections.map((slots) => slots.filter(({ isTaken }) => !isTaken));
  }
}

type AttributeName = Pick<AttributeUpdate, "device" | "attribute">;

/** Of what an update writes. */
export function keyOf({ device, attribute }: AttributeName): string {
  return `${device}\u0000${attribute}`;
}

export function isSameWriter(one: Writer, other: Writer): boolean {
  return one === other || (one.source === other.source && one.fence === other.fence);
}
