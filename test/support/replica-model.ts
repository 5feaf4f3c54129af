import fc from "fast-check";
import type { CommandContext, StateWriter } from "#cluster";
import { type ApplicationMessage, createMessage } from "../../src/mqtt/message.ts";
import type { PublishProperties } from "../../src/mqtt/packets.ts";
import { encodeCommand } from "../../src/replica/commands.ts";
import { replicaLimits } from "../../src/replica/limits.ts";
import type { Replica } from "../../src/replica/replica.ts";
import type { AttributeUpdate, Command, Will } from "../../src/replica/replica-api.ts";
import type { QueueBounds } from "../../src/replica/sessions/queue-bounds.ts";
import type { ShareStrategy } from "../../src/routing/share-strategy.ts";
import type { Subscription } from "../../src/session/session-api.ts";

/** What tests of the replicated state share. */

export const nodeIds = ["1".repeat(32), "2".repeat(32), "3".repeat(32)] as const;

/** The records of one node's disk. */
export class RecordStore implements StateWriter {
  readonly records = new Map<string, Uint8Array>();

  put(key: string, value: Uint8Array): void {
    // A copy, as a disk makes one: a record that shares memory with something else would show.
    this.records.set(key, Uint8Array.from(value));
  }

  delete(key: string): void {
    this.records.delete(key);
  }
}

/** Hands a replica everything on the disk, in the given order of keys. */
export function restoreFrom(
  replica: Replica,
  store: RecordStore,
  order: (keys: string[]) => string[] = (keys) => keys,
): void {
  replica.reset();
  for (const key of order([...store.records.keys()])) {
    replica.restore(key, store.records.get(key)!);
  }
  replica.restored();
}

export function context(index: number, fields: Partial<CommandContext> = {}): CommandContext {
  return { index, timeMs: index * 1000, origin: nodeIds[0], ...fields };
}

export function message(
  topic: string,
  payload: string,
  fields: Partial<ApplicationMessage> = {},
): ApplicationMessage {
  return createMessage({
    topic,
    payload: Buffer.from(payload),
    qos: 1,
    retain: true,
    properties: null,
    receivedAtMs: 0,
    publisherId: "publisher",
    version: 0,
    ...fields,
  });
}

export function retain(
  topic: string,
  payload: string,
  properties: PublishProperties | null = null,
  updates: readonly AttributeUpdate[] = [],
): Buffer {
  return encodeCommand({
    type: "retain",
    message: message(topic, payload, { properties }),
    updates,
  });
}

export function claim(clientId: string): Buffer {
  return encodeCommand({ type: "claim", clientId, cleanStart: false, expirySeconds: 60 });
}

export function release(clientId: string, epoch: number): Buffer {
  const gone = { expirySeconds: 0, isWillWanted: false, sentSeq: 0 } as const;
  return encodeCommand({ type: "disconnect", clientId, epoch, ...gone });
}

export function state(...updates: AttributeUpdate[]): Buffer {
  return encodeCommand({ type: "state", source: "publisher", updates });
}

/** Everything that a reader can see, in a form that two replicas can be compared by. */
export function visibleState(replica: Replica, clientIds: readonly string[]): unknown {
  const retained: unknown[] = [];
  replica.matchRetained("#", Number.NEGATIVE_INFINITY, ({ wire: _wire, payload, ...fields }) => {
    retained.push({ ...fields, payload: payload.toString("hex") });
  });
  const devices = replica.devices.list("", replicaLimits.devicesMax).map((device) => ({
    id: device.id,
    version: device.version,
    updatedAtMs: device.updatedAtMs,
    online: device.online,
    lastSeenMs: device.lastSeenMs,
    shadow: JSON.stringify(replica.devices.shadowOf(device.id)),
    attributes: [...device.attributes]
      .map(([name, { value, version, timeMs, source, node }]) => ({
        ...{ name, text: JSON.stringify(value), version, timeMs, source, node },
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  }));
  return {
    retained: retained.map((fields) => JSON.stringify(fields)).sort(),
    retainedCount: replica.retainedCount,
    retainedSizeBytes: replica.retainedSizeBytes,
    devices,
    deviceCount: replica.devices.count(),
    owners: clientIds.map((clientId) => replica.ownerOf(clientId)),
    ownedClients: replica.ownedClients,
    sessions: clientIds.map((clientId) => visibleSession(replica, clientId)),
    sessionCount: replica.sessions.count,
    subscriptionCount: replica.sessions.subscriptionCount,
    messageCount: replica.sessions.messageCount,
    messagesSizeBytes: replica.sessions.messagesSizeBytes,
    records: replica.metrics().get("replica_records"),
  };
}

const text = fc.oneof(fc.string(), fc.string({ unit: "grapheme", maxLength: 20 }));

const userProperties = fc.array(
  fc.tuple(fc.oneof(text, fc.constantFrom("__proto__", "constructor", "1")), text),
  { maxLength: 4 },
);

export const anyProperties: fc.Arbitrary<PublishProperties> = fc.record(
  {
    payloadFormatIndicator: fc.boolean(),
    messageExpiryInterval: fc.integer({ min: 0, max: 0xffff_ffff }),
    responseTopic: text,
    correlationData: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    contentType: text,
    userProperties,
  },
  { requiredKeys: [] },
);

/** Without -0, which JSON does not keep. */
export const anyValue = fc
  .oneof(
    { weight: 4, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  )
  .map((value): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value))));

/** Two devices have the names of clients. */
const anyDevice = fc.constantFrom("r1", "a", "b", "");

export const anyUpdates: fc.Arbitrary<AttributeUpdate[]> = fc.array(
  fc.record(
    {
      device: anyDevice,
      attribute: fc.constantFrom("x", "y", "z", "__proto__", "bad\0name"),
      value: anyValue,
      ttlSeconds: fc.constantFrom(1, 2, 100),
      isReplacing: fc.constant(true as const),
    },
    { requiredKeys: ["device", "attribute", "value"] },
  ),
  { maxLength: 4 },
);

const anySection = fc.option(
  fc.dictionary(
    fc.constantFrom("x", "y", "__proto__", "$base64"),
    fc.jsonValue({ maxDepth: 2 }).map((value): unknown => JSON.parse(JSON.stringify(value))),
    { maxKeys: 3 },
  ),
);

export function anyMessage(topic: fc.Arbitrary<string>): fc.Arbitrary<ApplicationMessage> {
  return fc
    .record({
      topic,
      payload: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      qos: fc.constantFrom<(0 | 1 | 2)[]>(0, 1, 2),
      retain: fc.boolean(),
      properties: fc.option(anyProperties),
      receivedAtMs: fc.integer({ min: 0, max: 2_000_000_000_000 }),
      publisherId: text,
      version: fc.constant(0),
    })
    .map(createMessage);
}

const anyFence = fc.oneof(fc.constant("owner" as const), fc.integer({ min: 1, max: 5 }));

export const anyWill = (topic: fc.Arbitrary<string>): fc.Arbitrary<Will> =>
  fc.record({ message: anyMessage(topic), delaySeconds: fc.constantFrom(0, 1, 100) });

export const anySubscription: fc.Arbitrary<Subscription> = fc.record({
  filter: fc.constantFrom("t", "t/1", "+", "#", "t/#", "$share/g/t", "$share/g/#", "$share/h/t"),
  qos: fc.constantFrom<(0 | 1 | 2)[]>(0, 1, 1, 2),
  noLocal: fc.boolean(),
  retainAsPublished: fc.boolean(),
  retainHandling: fc.constantFrom<(0 | 1 | 2)[]>(0, 1, 2),
  identifier: fc.constantFrom(0, 0, 1, 268_435_455),
});

export const anyShareStrategy = fc.constantFrom<ShareStrategy[]>(
  "round-robin",
  "sticky",
  "hash-topic",
  "local-first",
);

const anyNumbers = (max: number): fc.Arbitrary<number[]> =>
  fc
    .uniqueArray(fc.integer({ min: 1, max }), { maxLength: 4 })
    .map((numbers) => numbers.sort(byValue));

const byValue = (a: number, b: number): number => a - b;

export const anyBounds: fc.Arbitrary<QueueBounds> = fc.record({
  messagesMax: fc.constantFrom(1, 3, 5, 100),
  sizeBytesMax: fc.constantFrom(600, 2000, 100_000),
  ageSecondsMax: fc.constantFrom(0, 1, 1000, 1000),
  isOldestDropped: fc.boolean(),
});

export function anyCommand(
  topic: fc.Arbitrary<string>,
  clientId: fc.Arbitrary<string>,
): fc.Arbitrary<Command> {
  const epoch = fc.integer({ min: 1, max: 6 });
  const message = fc
    .tuple(anyMessage(topic), fc.oneof(text, clientId))
    .map(([other, publisherId]) => createMessage({ ...other, publisherId }));
  const expirySeconds = fc.oneof(fc.constantFrom(0, 1, 1000), fc.constant(0xffff_ffff));
  return fc.oneof(
    anyPublish("retain", message),
    { weight: 3, arbitrary: anyPublish("publish", message) },
    fc.record({ type: fc.constant("state" as const), source: text, updates: anyUpdates }),
    fc.record(
      {
        ...{ type: fc.constant("claim" as const), clientId, cleanStart: fc.boolean() },
        ...{ expirySeconds, will: anyWill(topic), bounds: anyBounds },
      },
      { requiredKeys: ["type", "clientId", "cleanStart", "expirySeconds"] },
    ),
    fc.record({
      ...{ type: fc.constant("disconnect" as const), clientId, epoch, expirySeconds },
      isWillWanted: fc.boolean(),
      sentSeq: fc.nat(4),
    }),
    fc.record({
      ...{ type: fc.constant("subscribe" as const), clientId, epoch },
      subscriptions: fc.array(anySubscription, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({
      ...{ type: fc.constant("unsubscribe" as const), clientId, epoch },
      filters: fc.array(
        anySubscription.map(({ filter }) => filter),
        { maxLength: 2 },
      ),
    }),
    fc.record({
      type: fc.constant("settle" as const),
      settlements: fc.array(
        fc.record({
          ...{ clientId, epoch, completed: anyNumbers(6), received: anyNumbers(6) },
          released: anyNumbers(3),
        }),
        { maxLength: 2 },
      ),
    }),
    fc.record({
      ...{ type: fc.constant("node-down" as const), nodeId: fc.constantFrom(...nodeIds) },
      incarnation: fc.nat(2),
    }),
    fc.record({ type: fc.constant("end-session" as const), clientId }),
    fc.constant({ type: "tick" as const }),
    anyDeviceCommand(fc.oneof(text, clientId), epoch),
  );
}

function anyDeviceCommand(
  source: fc.Arbitrary<string>,
  epoch: fc.Arbitrary<number>,
): fc.Arbitrary<Command> {
  const fence = fc.oneof(fc.constantFrom("none" as const, "owner" as const), epoch);
  return fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant("states" as const),
        groups: fc.array(fc.record({ source, fence, updates: anyUpdates }), { maxLength: 3 }),
      }),
    },
    fc.record(
      {
        ...{ type: fc.constant("shadow" as const), device: anyDevice, source },
        ...{ fence: epoch, desired: anySection, reported: anySection },
        expectedVersion: fc.nat(30),
      },
      { requiredKeys: ["type", "device", "source"] },
    ) as fc.Arbitrary<Command>,
    fc.record(
      { type: fc.constant("delete-device" as const), device: anyDevice, source, fence: epoch },
      { requiredKeys: ["type", "device", "source"] },
    ) as fc.Arbitrary<Command>,
  );
}

function anyPublish<T extends "retain" | "publish">(
  type: T,
  message: fc.Arbitrary<ApplicationMessage>,
): fc.Arbitrary<Extract<Command, { type: T }>> {
  return fc.record(
    {
      ...{ type: fc.constant(type), message, updates: anyUpdates, fence: anyFence },
      qos2PacketId: fc.integer({ min: 1, max: 3 }),
      shareStrategy: anyShareStrategy,
    },
    { requiredKeys: ["type", "message", "updates"] },
  ) as unknown as fc.Arbitrary<Extract<Command, { type: T }>>;
}

/** What two replicas must agree on about a session, beyond its records. */
export function visibleSession(replica: Replica, clientId: string): unknown {
  const session = replica.sessions.get(clientId);
  if (session === null) return null;
  return {
    ...{ number: session.number, epoch: session.epoch, expirySeconds: session.expirySeconds },
    subscriptions: [...session.subscriptions.values()]
      .map((subscription) => JSON.stringify(subscription))
      .sort(),
    queue: [...session.queue.values()].map(({ seq, stored, qos, retain, identifiers, group }) => ({
      ...{ seq, id: stored.id, qos, retain, identifiers, group },
      payload: stored.message.payload.toString("hex"),
    })),
    sentSeq: session.sentSeq,
    ...{ sizeBytes: session.queuedSizeBytes, nextSeq: session.nextSeq, floor: session.floor },
    retained: [session.retainedCount, session.retainedSizeBytes],
    received: [...session.received].sort(byValue),
    inboundQos2: [...session.inboundQos2].sort(byValue),
  };
}
