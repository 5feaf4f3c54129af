import type { StateGroup } from "../replica/replica-api.ts";
import { type Slot, updateOverheadBytes, type Writer } from "./waiting-updates.ts";

/** The updates of one client that are applied together. */
export interface SlotGroup {
  readonly writer: Writer;
  readonly slots: readonly Slot[];
}

interface GrowingGroup {
  readonly writer: Writer;
  readonly slots: Slot[];
}

interface CommandBounds {
  readonly countMax: number;
  readonly sizeBytesMax: number;
}

/** What is in each command, in their order. */
export function commandsOf(
  sections: readonly (readonly Slot[])[],
  { countMax, sizeBytesMax }: CommandBounds,
): readonly (readonly SlotGroup[])[] {
  const commands: SlotGroup[][] = [];
  let groups: SlotGroup[] = [];
  let [count, sizeBytes] = [0, 0];
  for (const group of sections.flatMap(groupsOf)) {
    for (const part of split(group, countMax, sizeBytesMax)) {
      const partBytes = sizeOf(part);
      const isFull = count + part.slots.length > countMax || sizeBytes + partBytes > sizeBytesMax;
      if (isFull && groups.length > 0) {
        commands.push(groups);
        groups = [];
        [count, sizeBytes] = [0, 0];
      }
      groups.push(part);
      count += part.slots.length;
      sizeBytes += partBytes;
    }
  }
  if (groups.length > 0) commands.push(groups);
  return commands;
}

function groupsOf(slots: readonly Slot[]): readonly SlotGroup[] {
  const groups = new Map<string, GrowingGroup>();
  // A client at QoS 1 or 2 has the same one as long as its claim is.
  const byWriter = new Map<Writer, GrowingGroup>();
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

export function commandGroupOf({ writer, slots }: SlotGroup): StateGroup {
  const { source, fence } = writer;
  return { source, fence, updates: slots.map(({ update }) => update) };
}
