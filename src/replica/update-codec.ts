import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { AttributeUpdate } from "./replica-api.ts";
import { isStateValue } from "./state-value.ts";

/** A value travels as JSON text; the empty text, which is no JSON, means "remove". */
export function writeUpdates(writer: ByteWriter, updates: readonly AttributeUpdate[]): void {
  writer.number(updates.length);
  for (const update of updates) {
    writer.string(update.device);
    writer.string(update.attribute);
    writer.string(textOf(update));
  }
}

export function readUpdates(reader: ByteReader): readonly AttributeUpdate[] {
  const updates: AttributeUpdate[] = [];
  const count = reader.number();
  for (let index = 0; index < count && reader.isSound; index++) {
    const device = reader.string();
    const attribute = reader.string();
    const { value, text } = readValue(reader);
    updates.push({ device, attribute, value, text });
  }
  return updates;
}

/** Throws TypeError for a value that may not be kept. */
export function textOf({ device, attribute, value }: AttributeUpdate): string {
  if (value === undefined) return "";
  if (!isStateValue(value)) {
    throw new TypeError(`the value of ${device}/${attribute} is no state value`);
  }
  return JSON.stringify(value);
}

export function readValue(reader: ByteReader): { readonly value: unknown; readonly text: string } {
  const text = reader.string();
  if (text === "") return { value: undefined, text };
  try {
    const value: unknown = JSON.parse(text);
    if (isStateValue(value)) return { value, text };
  } catch {
    // Not JSON: the command is garbage, which `fail` tells the caller, who counts it.
  }
  reader.fail();
  return { value: undefined, text };
}

/** How an update is applied, as one number: nearly always 0. */
export function optionsOf({ ttlSeconds = 0, isReplacing }: AttributeUpdate): number {
  return ttlSeconds * 2 + (isReplacing === true ? 1 : 0);
}

export function withOptions(update: AttributeUpdate, options: number): AttributeUpdate {
  const ttlSeconds = Math.floor(options / 2);
  return {
    ...update,
    ...(ttlSeconds > 0 ? { ttlSeconds } : {}),
    ...(options % 2 === 1 ? { isReplacing: true as const } : {}),
  };
}
