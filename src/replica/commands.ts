import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { readMessageBody, writeMessageBody } from "./message-codec.ts";
import type { AttributeUpdate, Command, Fence } from "./replica-api.ts";
import { isStateValue } from "./state-value.ts";

/** The first byte of every command; a node that reads a number it does not know leaves its state alone. */
export const commandVersion = 1;

const commandType = { retain: 1, state: 2, claim: 3, release: 4 } as const;

/** Throws TypeError for an update whose value is neither undefined (removes the attribute) nor a value that may be kept. */
export function encodeCommand(command: Command): Buffer {
  const writer = new ByteWriter(
    command.type === "retain" ? 256 + command.message.payload.length : undefined,
  );
  writer.byte(commandVersion);
  writer.byte(commandType[command.type]);
  switch (command.type) {
    case "retain":
      writer.string(command.message.topic);
      writeMessageBody(writer, command.message);
      writeUpdates(writer, command.updates);
      writeFence(writer, command.fence ?? "none");
      writeCondition(writer, command);
      break;
    case "state":
      writer.string(command.source);
      writeUpdates(writer, command.updates);
      writeFence(writer, command.fence ?? "none");
      writeCondition(writer, command);
      break;
    case "claim":
      writer.string(command.clientId);
      writer.byte(command.cleanStart ? 1 : 0);
      writer.number(command.expirySeconds);
      break;
    case "release":
      writer.string(command.clientId);
      writer.number(command.epoch);
      break;
  }
  return writer.finish();
}

/** Null for anything that `encodeCommand` would not have written. The payload shares memory with `bytes`; its version is 0. */
export function decodeCommand(bytes: Uint8Array): Command | null {
  const reader = new ByteReader(bytes);
  if (reader.byte() !== commandVersion) {
    return null;
  }
  const command = readCommand(reader);
  return reader.isSound && reader.isAtEnd ? command : null;
}

function readCommand(reader: ByteReader): Command | null {
  switch (reader.byte()) {
    case commandType.retain: {
      const message = readMessageBody(reader, reader.string(), 0);
      const updates = readUpdates(reader);
      return { type: "retain", message, updates, ...readFence(reader), ...readCondition(reader) };
    }
    case commandType.state: {
      const source = reader.string();
      const updates = readUpdates(reader);
      return { type: "state", source, updates, ...readFence(reader), ...readCondition(reader) };
    }
    case commandType.claim: {
      const clientId = reader.string();
      const cleanStart = reader.byte() === 1;
      return { type: "claim", clientId, cleanStart, expirySeconds: reader.number() };
    }
    case commandType.release: {
      const clientId = reader.string();
      return { type: "release", clientId, epoch: reader.number() };
    }
    default:
      return null;
  }
}

const fenceKind = { none: 0, owner: 1, epoch: 2 } as const;

function writeFence(writer: ByteWriter, fence: Fence): void {
  writer.byte(typeof fence === "number" ? fenceKind.epoch : fenceKind[fence]);
  if (typeof fence === "number") writer.number(fence);
}

function readFence(reader: ByteReader): { fence?: Fence } {
  switch (reader.byte()) {
    case fenceKind.none:
      return {};
    case fenceKind.owner:
      return { fence: "owner" };
    case fenceKind.epoch:
      return { fence: reader.number() };
    default:
      reader.fail();
      return {};
  }
}

interface Condition {
  readonly expectedVersion?: number;
  readonly isReplacing?: true;
}

const conditionFlag = { expectedVersion: 1, isReplacing: 2 } as const;

/** Few commands have one, and those that have none are as they were before there were any. */
function writeCondition(writer: ByteWriter, { expectedVersion, isReplacing }: Condition): void {
  if (expectedVersion === undefined && isReplacing === undefined) return;
  writer.byte(
    (expectedVersion === undefined ? 0 : conditionFlag.expectedVersion) +
      (isReplacing === undefined ? 0 : conditionFlag.isReplacing),
  );
  if (expectedVersion !== undefined) writer.number(expectedVersion);
}

function readCondition(reader: ByteReader): Condition {
  if (reader.isAtEnd) return {};
  const flags = reader.byte();
  if (flags < 1 || flags > 3) reader.fail();
  return {
    ...((flags & conditionFlag.expectedVersion) === 0 ? {} : { expectedVersion: reader.number() }),
    ...((flags & conditionFlag.isReplacing) === 0 ? {} : { isReplacing: true as const }),
  };
}

/** A value travels as JSON text; the empty text, which is no JSON, means "remove". */
function writeUpdates(writer: ByteWriter, updates: readonly AttributeUpdate[]): void {
  writer.number(updates.length);
  for (const update of updates) {
    writer.string(update.device);
    writer.string(update.attribute);
    if (update.value !== undefined && !isStateValue(update.value)) {
      throw new TypeError(`the value of ${update.device}/${update.attribute} is no state value`);
    }
    writer.string(JSON.stringify(update.value) ?? "");
  }
}

function readUpdates(reader: ByteReader): readonly AttributeUpdate[] {
  const updates: AttributeUpdate[] = [];
  const count = reader.number();
  for (let index = 0; index < count && reader.isSound; index++) {
    const device = reader.string();
    const attribute = reader.string();
    updates.push({ device, attribute, value: readValue(reader) });
  }
  return updates;
}

function readValue(reader: ByteReader): unknown {
  const text = reader.string();
  if (text === "") {
    return undefined;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isStateValue(value)) {
      return value;
    }
  } catch {
    // Not JSON: the command is garbage, which `fail` tells the caller, who counts it.
  }
  reader.fail();
  return undefined;
}
