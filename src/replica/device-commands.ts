import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { AttributeUpdate, Command, Fence, StateGroup } from "./replica-api.ts";
import { isJsonObject, isStateValue } from "./state-value.ts";
import { optionsOf, readValue, textOf, withOptions } from "./update-codec.ts";

/** The commands about devices alone, as bytes; what they share with others stands in commands.ts. */

export type FenceWriter = (writer: ByteWriter, fence: Fence) => void;
export type FenceReader = (reader: ByteReader) => { fence?: Fence };

export function writeGroups(
  writer: ByteWriter,
  groups: readonly StateGroup[],
  writeFence: FenceWriter,
): void {
  writer.number(groups.length);
  for (const { source, fence, updates } of groups) {
    writer.string(source);
    writeFence(writer, fence);
    writer.number(updates.length);
    for (const update of updates) {
      // Most devices publish for themselves, under the name of their client: then it is not said twice.
      const isOwn = update.device === source;
      writer.number(optionsOf(update) * 2 + (isOwn ? 1 : 0));
      if (!isOwn) writer.string(update.device);
      writer.string(update.attribute);
      writer.string(textOf(update));
    }
  }
}

export function readGroups(reader: ByteReader, readFence: FenceReader): readonly StateGroup[] {
  const groups: StateGroup[] = [];
  const count = reader.number();
  for (let index = 0; index < count && reader.isSound; index++) {
    const source = reader.string();
    const { fence = "none" } = readFence(reader);
    groups.push({ source, fence, updates: readGroupUpdates(reader, source) });
  }
  return groups;
}

function readGroupUpdates(reader: ByteReader, source: string): readonly AttributeUpdate[] {
  const updates: AttributeUpdate[] = [];
  const count = reader.number();
  let attribute = "";
  for (let index = 0; index < count && reader.isSound; index++) {
    const options = reader.number();
    const device = options % 2 === 1 ? source : reader.string();
    // Mostly one gateway tells the same attribute of all its devices.
    attribute = reader.stringLike(attribute);
    const { value, text } = readValue(reader);
    const update = { device, attribute, value, text };
    updates.push(options < 2 ? update : withOptions(update, Math.floor(options / 2)));
  }
  return updates;
}

const shadowFlag = { desired: 1, reported: 2, expectedVersion: 4 } as const;
const knownShadowFlags = 7;

type ShadowCommand = Extract<Command, { type: "shadow" }>;
type ShadowFields = Pick<ShadowCommand, "desired" | "reported" | "expectedVersion">;

export function writeShadowFields(writer: ByteWriter, command: ShadowFields): void {
  const { desired, reported, expectedVersion } = command;
  writer.byte(
    (desired === undefined ? 0 : shadowFlag.desired) +
      (reported === undefined ? 0 : shadowFlag.reported) +
      (expectedVersion === undefined ? 0 : shadowFlag.expectedVersion),
  );
  if (desired !== undefined) writer.string(sectionText(desired));
  if (reported !== undefined) writer.string(sectionText(reported));
  if (expectedVersion !== undefined) writer.number(expectedVersion);
}

export function readShadowFields(reader: ByteReader): ShadowFields {
  const flags = reader.byte();
  if (flags > knownShadowFlags) reader.fail();
  return {
    ...((flags & shadowFlag.desired) === 0 ? {} : { desired: readSection(reader) }),
    ...((flags & shadowFlag.reported) === 0 ? {} : { reported: readSection(reader) }),
    ...((flags & shadowFlag.expectedVersion) === 0 ? {} : { expectedVersion: reader.number() }),
  };
}

function sectionText(section: Readonly<Record<string, unknown>> | null): string {
  if (section !== null && !(isJsonObject(section) && isStateValue(section))) {
    throw new TypeError("a section of a shadow is no state value");
  }
  return JSON.stringify(section);
}

function readSection(reader: ByteReader): Readonly<Record<string, unknown>> | null {
  const { value } = readValue(reader);
  if (value === null || isJsonObject(value)) return value;
  reader.fail();
  return null;
}
