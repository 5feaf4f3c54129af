import fc from "fast-check";

/** Valid packets of a client, in the shape of mqtt-packet, for property tests. */

const text = fc
  .string({ unit: "grapheme", maxLength: 12 })
  .map((value) => value.replaceAll("\u0000", ""));
const name = text.map((value) => `t${value.replaceAll(/[+#]/g, "")}`);
const binary = fc.uint8Array({ maxLength: 12 }).map((value) => Buffer.from(value));
const id = fc.integer({ min: 1, max: 65_535 });
const uint16 = fc.integer({ min: 1, max: 65_535 });
const uint32 = fc.integer({ min: 1, max: 0xffff_ffff });
const qos = fc.constantFrom(0, 1, 2);

/**
 * mqtt-packet loses an empty value that is followed by another of the same name, so values are not
 * empty here.
 */
const userProperties = fc.dictionary(
  name,
  fc.oneof(name, fc.array(name, { minLength: 2, maxLength: 3 })),
  { minKeys: 1, maxKeys: 3 },
);

function optional(model: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object | undefined> {
  return fc
    .record({ ...model, userProperties }, { requiredKeys: [] })
    .map((properties) => (Object.keys(properties).length > 0 ? properties : undefined));
}

function withProperties(
  packet: fc.Arbitrary<object>,
  model: Record<string, fc.Arbitrary<unknown>>,
  version: number,
): fc.Arbitrary<object> {
  if (version !== 5) return packet;
  return fc
    .tuple(packet, optional(model))
    .map(([fields, properties]) => (properties === undefined ? fields : { ...fields, properties }));
}

const ABOUT_MESSAGE = {
  payloadFormatIndicator: fc.boolean(),
  messageExpiryInterval: uint32,
  contentType: text,
  responseTopic: name,
  correlationData: binary,
};

export const PUBLISH_PROPERTIES = ABOUT_MESSAGE;

export function publishArbitrary(version: number): fc.Arbitrary<object> {
  const packet = fc
    .record({
      topic: name,
      payload: binary,
      qos,
      dup: fc.boolean(),
      retain: fc.boolean(),
      messageId: id,
    })
    .map(({ messageId, dup, ...fields }) =>
      fields.qos === 0
        ? { cmd: "publish", ...fields, dup: false }
        : { cmd: "publish", ...fields, dup, messageId },
    );
  return withProperties(packet, { ...ABOUT_MESSAGE, topicAlias: uint16 }, version);
}

function ackArbitrary(version: number): fc.Arbitrary<object> {
  const publishAck = fc.record({
    cmd: fc.constantFrom("puback", "pubrec"),
    messageId: id,
    reasonCode: version === 5 ? fc.constantFrom(0, 0x10, 0x87) : fc.constant(0),
  });
  const release = fc.record({
    cmd: fc.constantFrom("pubrel", "pubcomp"),
    messageId: id,
    reasonCode: version === 5 ? fc.constantFrom(0, 0x92) : fc.constant(0),
  });
  return withProperties(fc.oneof(publishAck, release), { reasonString: text }, version);
}

function subscribeArbitrary(version: number): fc.Arbitrary<object> {
  const subscription = fc.record({
    topic: name,
    qos,
    nl: version === 5 ? fc.boolean() : fc.constant(false),
    rap: version === 5 ? fc.boolean() : fc.constant(false),
    rh: version === 5 ? fc.constantFrom(0, 1, 2) : fc.constant(0),
  });
  const subscribe = fc.record({
    cmd: fc.constant("subscribe"),
    messageId: id,
    subscriptions: fc.array(subscription, { minLength: 1, maxLength: 3 }),
  });
  const subscriptionIdentifier = fc.integer({ min: 1, max: 268_435_455 });
  return withProperties(subscribe, { subscriptionIdentifier }, version);
}

function unsubscribeArbitrary(version: number): fc.Arbitrary<object> {
  const unsubscriptions = fc.array(name, { minLength: 1, maxLength: 3 });
  const packet = fc.record({ cmd: fc.constant("unsubscribe"), messageId: id, unsubscriptions });
  return withProperties(packet, {}, version);
}

function disconnectArbitrary(version: number): fc.Arbitrary<object> {
  if (version !== 5) return fc.constant({ cmd: "disconnect", reasonCode: 0 });
  const packet = fc.record({ cmd: fc.constant("disconnect"), reasonCode: fc.constantFrom(0, 4) });
  return withProperties(packet, { sessionExpiryInterval: uint32, reasonString: text }, version);
}

/** Everything but CONNECT and AUTH. */
export function packetArbitrary(version: number): fc.Arbitrary<object> {
  return fc.oneof(
    { weight: 3, arbitrary: publishArbitrary(version) },
    { weight: 2, arbitrary: ackArbitrary(version) },
    { weight: 1, arbitrary: subscribeArbitrary(version) },
    { weight: 1, arbitrary: unsubscribeArbitrary(version) },
    { weight: 1, arbitrary: disconnectArbitrary(version) },
    { weight: 1, arbitrary: fc.constant({ cmd: "pingreq" }) },
  );
}

export function connectArbitrary(version: 4 | 5): fc.Arbitrary<object> {
  const willFields = fc.record({ topic: name, payload: binary, qos, retain: fc.boolean() });
  const aboutWill = { ...ABOUT_MESSAGE, willDelayInterval: uint32 };
  const fields = fc.record({
    cmd: fc.constant("connect"),
    protocolId: fc.constant("MQTT"),
    protocolVersion: fc.constant(version),
    clean: fc.boolean(),
    clientId: name,
    keepalive: fc.integer({ min: 0, max: 65_535 }),
  });
  const login = fc.record(
    { username: name, password: binary, will: withProperties(willFields, aboutWill, version) },
    { requiredKeys: ["username"] },
  );
  const packet = fc
    .tuple(fields, fc.option(login))
    .map(([connect, more]) => (more === null ? connect : { ...connect, ...more }));
  const about = {
    sessionExpiryInterval: uint32,
    receiveMaximum: uint16,
    maximumPacketSize: uint32,
    topicAliasMaximum: uint16,
    requestProblemInformation: fc.boolean(),
  };
  return withProperties(packet, about, version);
}
