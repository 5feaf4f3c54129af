import {
  type AttributeRecord,
  decodeAttribute,
  encodeAttribute,
} from "../../src/replica/attribute-codec.ts";
import { decodeCommand, encodeCommand } from "../../src/replica/commands.ts";
import { Replica } from "../../src/replica/replica.ts";
import type { Command, RetainedResult } from "../../src/replica/replica-api.ts";
import { decodeShadow, encodeShadow, type Shadow } from "../../src/replica/shadow-record.ts";
import { withoutTexts } from "./commands.ts";
import type { FormatSample } from "./format-samples.ts";
import { claim, context, RecordStore, state } from "./replica-model.ts";

/** The commands about devices, and the records that they leave in the state. */

const device = "größe-1";
const updates = [
  { device, attribute: "rpm", value: 12.5 },
  { device: "robot", attribute: "pose", value: { x: 1, at: [2, null] } },
  { device: "robot", attribute: "mode", value: "slam", ttlSeconds: 30 },
  { device: "robot", attribute: "map", value: { id: 7 }, isReplacing: true },
  { device: "robot", attribute: "old", value: undefined },
] as const;

const commands = {
  "command states": {
    type: "states",
    groups: [
      { source: "robot", fence: 4_294_967_298, updates },
      { source: "gateway", fence: "owner", updates: updates.slice(0, 1) },
      { source: "", fence: "none", updates: [] },
    ],
  },
  "command shadow": {
    ...{ type: "shadow", device, source: "robot", fence: 9 },
    desired: { mode: "slam", arm: { grip: true, speed: null } },
    reported: { rpm: 12 },
    expectedVersion: 4_294_967_298,
  },
  "command shadow, sections taken away": {
    ...{ type: "shadow", device, source: "", desired: null, reported: null },
  },
  "command delete-device": { type: "delete-device", device, source: "robot", fence: "owner" },
} as const satisfies Record<string, Command>;

const attribute: AttributeRecord = {
  ...{ value: { x: 1.5, name: "größe" }, version: 4_294_967_298, timeMs: 1_700_000_000_123 },
  ...{ source: "robot", node: "0123456789abcdef0123456789abcdef", expiresAtMs: Infinity },
};
const expiring: AttributeRecord = { ...attribute, expiresAtMs: 1_700_000_030_123 };
const shadow: Omit<Shadow, "hash"> = {
  ...{ version: 4_294_967_298, timeMs: 1_700_000_000_123, source: "robot" },
  desired: { mode: "größe", arm: { grip: true } },
  timesMs: { mode: 1_700_000_000_123, arm: 1_600_000_000_000 },
};

export const deviceFormatSamples: readonly FormatSample[] = [
  ...Object.entries(commands).map(([name, command]) => ({
    ...{ name, value: command, decode: decodePlainly },
    encode: () => encodeCommand(command),
  })),
  ...Object.entries({ "attribute record": attribute, "attribute record, expiring": expiring }).map(
    ([name, value]) => ({
      ...{ name, value, decode: decodeAttribute },
      encode: () => encodeAttribute(value).record,
    }),
  ),
  {
    ...{ name: "shadow record", value: shadow, decode: decodeShadow },
    encode: () => encodeShadow(shadow).record,
  },
  {
    name: "last seen record",
    value: 1_700_000_000_123,
    encode: () => lastSeenWritten(),
    decode: lastSeenRead,
  },
  {
    name: "version record",
    value: 4_294_967_300,
    encode: () => versionWritten(),
    decode: versionRead,
  },
];

/** By the only one who writes it: a client comes whose device there is. */
function lastSeenWritten(): Uint8Array {
  const [replica, store] = [new Replica(), new RecordStore()];
  const at = context(1, { timeMs: 1_700_000_000_123 });
  replica.apply(state({ device: "robot", attribute: "rpm", value: 1 }), at, store);
  replica.apply(claim("robot"), at, store);
  return store.records.get("l/robot") ?? new Uint8Array();
}

function lastSeenRead(bytes: Uint8Array): unknown {
  const replica = new Replica();
  replica.restore("d/robot\0rpm", encodeAttribute({ ...attribute, timeMs: 1 }).record);
  replica.restore("l/robot", bytes);
  replica.restored();
  return replica.devices.get("robot")?.lastSeenMs;
}

/** Two values of one entry, and then none: the next one comes after both. */
function versionWritten(): Uint8Array {
  const [replica, store] = [new Replica(), new RecordStore()];
  for (const value of [1, 2, undefined]) {
    const command = state({ device: "robot", attribute: "rpm", value });
    replica.apply(command, context(4_294_967_298), store);
  }
  return store.records.get("v") ?? new Uint8Array();
}

function versionRead(bytes: Uint8Array): unknown {
  const replica = new Replica();
  replica.restore("v", bytes);
  replica.restored();
  const command = state({ device: "robot", attribute: "rpm", value: 3 });
  return (replica.apply(command, context(1), new RecordStore()) as RetainedResult).version;
}

function decodePlainly(bytes: Buffer): unknown {
  const command = decodeCommand(bytes);
  return command && withoutTexts(command);
}
