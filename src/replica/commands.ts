import type { ShareStrategy } from "../routing/share-strategy.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { readGroups, readShadowFields, writeGroups, writeShadowFields } from "./device-commands.ts";
import { readMessageBody, writeMessageBody } from "./message-codec.ts";
import type { AttributeUpdate, Command, Fence } from "./replica-api.ts";
import { readBounds, writeBounds } from "./sessions/queue-bounds.ts";
import {
  readFilters,
  readSettlements,
  readSubscriptions,
  writeFilters,
  writeSettlements,
  writeSubscriptions,
} from "./sessions/session-commands.ts";
import { optionsOf, readUpdates, withOptions, writeUpdates } from "./update-codec.ts";
import { readWill, writeWill } from "./wills-view.ts";

/** The first byte of every command; a node that reads a number it does not know leaves its state alone. */
export const commandVersion = 1;

const commandType = {
  retain: 1,
  state: 2,
  claim: 3,
  /** Written before there were stored sessions: a "disconnect" that ends the session and wants no Will. */
  release: 4,
  publish: 5,
  disconnect: 6,
  subscribe: 7,
  unsubscribe: 8,
  settle: 9,
  "node-down": 10,
  "end-session": 11,
  tick: 12,
  states: 13,
  shadow: 14,
  "delete-device": 15,
} as const;

/** Throws TypeError for an update whose value is neither undefined (removes the attribute) nor a value that may be kept. */
export function encodeCommand(command: Command): Buffer {
  const writer = new ByteWriter(
    "message" in command ? 256 + command.message.payload.length : undefined,
  );
  writer.byte(commandVersion);
  writer.byte(commandType[command.type]);
  writeFields(writer, command);
  return writer.finish();
}

function writeFields(writer: ByteWriter, command: Command): void {
  switch (command.type) {
    case "retain":
    case "publish":
      writer.string(command.message.topic);
      writeMessageBody(writer, command.message);
      writeUpdates(writer, command.updates);
      writeFence(writer, command.fence ?? "none");
      writeCondition(writer, command);
      return;
    case "state":
      writer.string(command.source);
      writeUpdates(writer, command.updates);
      writeFence(writer, command.fence ?? "none");
      writeCondition(writer, command);
      return;
    case "claim":
      writer.string(command.clientId);
      writer.byte(claimFlagsOf(command));
      writer.number(command.expirySeconds);
      if (command.will !== undefined) writeWill(writer, command.will);
      if (command.bounds !== undefined) writeBounds(writer, command.bounds);
      return;
    case "disconnect":
      writer.string(command.clientId);
      writer.number(command.epoch);
      writer.number(command.expirySeconds);
      writer.byte(command.isWillWanted ? 1 : 0);
      writer.number(command.sentSeq);
      return;
    case "subscribe":
      writer.string(command.clientId);
      writer.number(command.epoch);
      writeSubscriptions(writer, command.subscriptions);
      return;
    case "unsubscribe":
      writer.string(command.clientId);
      writer.number(command.epoch);
      writeFilters(writer, command.filters);
      return;
    case "settle":
      writeSettlements(writer, command.settlements);
      return;
    case "node-down":
      writer.string(command.nodeId);
      writer.number(command.incarnation);
      return;
    case "end-session":
      writer.string(command.clientId);
      return;
    case "states":
      writeGroups(writer, command.groups, writeFence);
      return;
    case "shadow":
      writer.string(command.device);
      writer.string(command.source);
      writeFence(writer, command.fence ?? "none");
      writeShadowFields(writer, command);
      return;
    case "delete-device":
      writer.string(command.device);
      writer.string(command.source);
      writeFence(writer, command.fence ?? "none");
      return;
    case "tick":
  }
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
      const { message, updates } = readMessage(reader);
      const { fence } = readFence(reader);
      // The common ones without a spread, which costs as much as the rest.
      if (fence !== undefined && reader.isAtEnd) return { type: "retain", message, updates, fence };
      const rest = fence === undefined ? {} : { fence };
      return { type: "retain", message, ...rest, ...readCondition(reader, updates) };
    }
    case commandType.publish: {
      const { message, updates } = readMessage(reader);
      const fence = readFence(reader);
      const { expectedVersion, isReplacing, ...packet } = readCondition(reader, updates);
      if (expectedVersion !== undefined || isReplacing !== undefined) reader.fail();
      return { type: "publish", message, ...fence, ...packet };
    }
    case commandType.state: {
      const source = reader.string();
      const updates = readUpdates(reader);
      const fence = readFence(reader);
      const { qos2PacketId, shareStrategy, ...condition } = readCondition(reader, updates);
      if (qos2PacketId !== undefined || shareStrategy !== undefined) reader.fail();
      return { type: "state", source, ...fence, ...condition };
    }
    case commandType.claim: {
      const clientId = reader.string();
      const flags = reader.byte();
      if (flags > knownClaimFlags) reader.fail();
      const cleanStart = (flags & claimFlag.cleanStart) !== 0;
      const expirySeconds = reader.number();
      const will = (flags & claimFlag.hasWill) === 0 ? {} : { will: readWill(reader) };
      const bounds = (flags & claimFlag.hasBounds) === 0 ? {} : { bounds: readBounds(reader) };
      return { type: "claim", clientId, cleanStart, expirySeconds, ...will, ...bounds };
    }
    case commandType.release: {
      const clientId = reader.string();
      const epoch = reader.number();
      const gone = { expirySeconds: 0, isWillWanted: false, sentSeq: 0 };
      return { type: "disconnect", clientId, epoch, ...gone };
    }
    case commandType.disconnect: {
      const clientId = reader.string();
      const epoch = reader.number();
      const expirySeconds = reader.number();
      const isWillWanted = reader.byte() === 1;
      const sentSeq = reader.number();
      return { type: "disconnect", clientId, epoch, expirySeconds, isWillWanted, sentSeq };
    }
    case commandType.subscribe: {
      const clientId = reader.string();
      const epoch = reader.number();
      return { type: "subscribe", clientId, epoch, subscriptions: readSubscriptions(reader) };
    }
    case commandType.unsubscribe: {
      const clientId = reader.string();
      const epoch = reader.number();
      return { type: "unsubscribe", clientId, epoch, filters: readFilters(reader) };
    }
    case commandType.settle:
      return { type: "settle", settlements: readSettlements(reader) };
    case commandType["node-down"]: {
      const nodeId = reader.string();
      return { type: "node-down", nodeId, incarnation: reader.number() };
    }
    case commandType["end-session"]:
      return { type: "end-session", clientId: reader.string() };
    case commandType.tick:
      return { type: "tick" };
    case commandType.states:
      return { type: "states", groups: readGroups(reader, readFence) };
    case commandType.shadow: {
      const device = reader.string();
      const source = reader.string();
      const fence = readFence(reader);
      return { type: "shadow", device, source, ...fence, ...readShadowFields(reader) };
    }
    case commandType["delete-device"]: {
      const device = reader.string();
      const source = reader.string();
      return { type: "delete-device", device, source, ...readFence(reader) };
    }
    default:
      return null;
  }
}

function readMessage(
  reader: ByteReader,
): Pick<Extract<Command, { type: "publish" }>, "message" | "updates"> {
  const message = readMessageBody(reader, reader.string(), 0);
  return { message, updates: readUpdates(reader) };
}

const claimFlag = { cleanStart: 1, hasWill: 2, hasBounds: 4 } as const;
const knownClaimFlags = 7;

function claimFlagsOf({
  cleanStart,
  will,
  bounds,
}: Extract<Command, { readonly type: "claim" }>): number {
  return (
    (cleanStart ? claimFlag.cleanStart : 0) |
    (will === undefined ? 0 : claimFlag.hasWill) |
    (bounds === undefined ? 0 : claimFlag.hasBounds)
  );
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
  readonly updates: readonly AttributeUpdate[];
  readonly expectedVersion?: number;
  readonly isReplacing?: true;
  readonly qos2PacketId?: number;
  readonly shareStrategy?: ShareStrategy;
}

const conditionFlag = {
  expectedVersion: 1,
  isReplacing: 2,
  qos2PacketId: 4,
  shareStrategy: 8,
  /** One of its updates is applied in another way than by default. */
  updateOptions: 16,
} as const;
const knownConditionFlags = 31;

/** By their numbers in the log. */
const shareStrategies: readonly ShareStrategy[] = [
  "round-robin",
  "sticky",
  "hash-topic",
  "local-first",
];

/** Few commands have one, and those that have none are as they were before there were any. */
function writeCondition(writer: ByteWriter, condition: Condition): void {
  const { expectedVersion, isReplacing, qos2PacketId, shareStrategy, updates } = condition;
  const options = updates.map(optionsOf);
  const flags =
    (expectedVersion === undefined ? 0 : conditionFlag.expectedVersion) +
    (isReplacing === undefined ? 0 : conditionFlag.isReplacing) +
    (qos2PacketId === undefined ? 0 : conditionFlag.qos2PacketId) +
    (shareStrategy === undefined ? 0 : conditionFlag.shareStrategy) +
    (options.every((each) => each === 0) ? 0 : conditionFlag.updateOptions);
  if (flags === 0) return;
  writer.byte(flags);
  if (expectedVersion !== undefined) writer.number(expectedVersion);
  if (qos2PacketId !== undefined) writer.number(qos2PacketId);
  if (shareStrategy !== undefined) writer.byte(shareStrategies.indexOf(shareStrategy));
  if ((flags & conditionFlag.updateOptions) === 0) return;
  for (const each of options) writer.number(each);
}

function readCondition(reader: ByteReader, updates: readonly AttributeUpdate[]): Condition {
  if (reader.isAtEnd) return { updates };
  const flags = reader.byte();
  if (flags < 1 || flags > knownConditionFlags) reader.fail();
  return {
    ...((flags & conditionFlag.expectedVersion) === 0 ? {} : { expectedVersion: reader.number() }),
    ...((flags & conditionFlag.isReplacing) === 0 ? {} : { isReplacing: true as const }),
    ...((flags & conditionFlag.qos2PacketId) === 0 ? {} : { qos2PacketId: reader.number() }),
    ...((flags & conditionFlag.shareStrategy) === 0 ? {} : readShareStrategy(reader)),
    updates:
      (flags & conditionFlag.updateOptions) === 0
        ? updates
        : updates.map((update) => withOptions(update, reader.number())),
  };
}

function readShareStrategy(reader: ByteReader): Pick<Condition, "shareStrategy"> {
  const shareStrategy = shareStrategies[reader.byte()];
  if (shareStrategy !== undefined) return { shareStrategy };
  reader.fail();
  return {};
}
