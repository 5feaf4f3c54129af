import fc from "fast-check";
import { writeToStream } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import {
  encodePacket,
  encodePublish,
  publishSizeBytes,
  writePacket,
  writePublish,
} from "../../../src/mqtt/encoder.ts";
import { type ApplicationMessage, createMessage } from "../../../src/mqtt/message.ts";
import { type PacketSink, RESERVED_SIZE_BYTES_MAX } from "../../../src/mqtt/packet-sink.ts";
import type {
  OutboundPacket,
  ProtocolVersion,
  PublishProperties,
} from "../../../src/mqtt/packets.ts";
import { TopicBytes } from "../../../src/mqtt/topic-bytes.ts";
import type { OutboundPublish } from "../../../src/session/session-api.ts";
import { PUBLISH_PROPERTIES } from "../../support/mqtt-arbitrary.ts";
import { bytes, reference, userPairs } from "../../support/mqtt-wire.ts";
import { messageTo } from "../../support/recorded-session.ts";

type ByName = Record<string, string | string[]>;

function publishOf(
  message: ApplicationMessage,
  more: Partial<OutboundPublish> = {},
): OutboundPublish {
  return {
    message,
    qos: 0,
    dup: false,
    retain: false,
    packetId: 0,
    identifiers: [],
    topicAlias: 0,
    isTopicOmitted: false,
    expirySecondsLeft: -1,
    ...more,
  };
}

/** The first and the second copy for a sink are made in different ways, and a buffer of its own in a third. */
function encoded(publish: OutboundPublish, version: ProtocolVersion): Buffer {
  const result = encodePublish(publish, version);
  const bytes = Array.isArray(result) ? Buffer.concat(result) : result;
  const fresh = { ...publish, message: createMessage(publish.message) };
  for (let copy = 0; copy < 2; copy += 1) {
    const sink = new RecordingSink();
    writePublish(fresh, version, sink);
    expect(sink.written()).toEqual(bytes);
  }
  return bytes;
}

function packetBytes(packet: OutboundPacket, version: ProtocolVersion): Buffer {
  const result = encodePacket(packet, version);
  const sink = new RecordingSink();
  writePacket(packet, version, sink);
  expect(sink.written()).toEqual(result);
  return result;
}

const sharedTopics = new TopicBytes();

/** As careless as a sink may be: every piece somewhere else, never at 0. */
class RecordingSink implements PacketSink {
  readonly #parts: Buffer[] = [];
  bytes = Buffer.alloc(0);
  /** Of all sinks of this file, so that each topic follows another. */
  readonly topics = sharedTopics;

  reserve(sizeBytes: number): number {
    expect(sizeBytes).toBeLessThanOrEqual(RESERVED_SIZE_BYTES_MAX);
    this.bytes = Buffer.alloc(sizeBytes + 20, 0xee);
    this.#parts.push(this.bytes.subarray(10, sizeBytes + 10));
    return 10;
  }

  passOn(bytes: Buffer, start: number, end: number): void {
    this.push(bytes.subarray(start, end));
  }

  share(bytes: Buffer): void {
    this.push(bytes);
  }

  push(bytes: Buffer): void {
    this.#parts.push(bytes);
  }

  written(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** The same PUBLISH as mqtt-packet writes it; its properties in the order of ours. */
function byReference(
  publish: OutboundPublish,
  version: ProtocolVersion,
  userProperties: ByName | undefined,
): Buffer {
  const { message } = publish;
  const about = message.properties ?? {};
  const properties: Omit<PublishProperties, "userProperties"> & { userProperties?: ByName } = {};
  if (about.payloadFormatIndicator !== undefined) {
    properties.payloadFormatIndicator = about.payloadFormatIndicator;
  }
  if (about.contentType !== undefined) properties.contentType = about.contentType;
  if (about.responseTopic !== undefined) properties.responseTopic = about.responseTopic;
  if (about.correlationData !== undefined) properties.correlationData = about.correlationData;
  if (userProperties !== undefined) properties.userProperties = userProperties;
  if (publish.expirySecondsLeft >= 0) properties.messageExpiryInterval = publish.expirySecondsLeft;
  if (publish.topicAlias > 0) properties.topicAlias = publish.topicAlias;
  if (publish.identifiers.length > 0) properties.subscriptionIdentifier = [...publish.identifiers];
  const { qos, dup, retain, packetId: messageId } = publish;
  const topic = publish.isTopicOmitted ? "" : message.topic;
  const payload = message.payload;
  return reference(
    { cmd: "publish", topic, payload, qos, dup, retain, messageId, properties },
    version,
  );
}

it("mqtt-packet keeps no buffer for each number of two bytes", () => {
  expect(writeToStream.cacheNumbers).toBe(false);
});

describe("encodePublish", () => {
  it("writes the bytes of mqtt-packet and knows their number beforehand", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 200 });
    const userProperties = fc.dictionary(
      text,
      fc.oneof(text, fc.array(text, { minLength: 2, maxLength: 3 })),
      // mqtt-packet writes nothing at all for an empty record.
      { minKeys: 1, maxKeys: 4 },
    );
    const properties = fc.record({ ...PUBLISH_PROPERTIES, userProperties }, { requiredKeys: [] });
    const arbitrary = fc.record({
      topic: text,
      payloadSizeBytes: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 20_000 })),
      properties: fc.option(properties),
      qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
      dup: fc.boolean(),
      retain: fc.boolean(),
      packetId: fc.integer({ min: 1, max: 65_535 }),
      identifiers: fc.array(fc.integer({ min: 1, max: 268_435_455 }), { maxLength: 3 }),
      topicAlias: fc.nat({ max: 20 }),
      expirySecondsLeft: fc.integer({ min: -1, max: 2 ** 32 - 1 }),
      version: fc.constantFrom(4 as const, 5 as const),
    });
    fc.assert(
      fc.property(arbitrary, ({ topic, payloadSizeBytes, properties: about, version, ...more }) => {
        const byName = about?.userProperties;
        const message = messageTo(topic, 2, {
          payload: Buffer.alloc(payloadSizeBytes, 7),
          properties: (byName === undefined
            ? about
            : { ...about, userProperties: userPairs(byName) }) as PublishProperties | null,
        });
        const isTopicOmitted = version === 5 && more.topicAlias > 10;
        const publish = publishOf(message, {
          ...more,
          dup: more.dup && more.qos > 0,
          isTopicOmitted,
        });
        const expected = byReference(publish, version, byName);
        for (const time of ["first", "from the shared form"]) {
          expect(encoded(publish, version).equals(expected), time).toBe(true);
        }
        expect(publishSizeBytes(publish, version)).toBe(expected.length);
      }),
      { numRuns: 3000 },
    );
  });

  it("encodes once for subscribers whose bytes are equal", () => {
    const message = messageTo("a", 2);
    expect(encodePublish(publishOf(message), 4)).toBe(encodePublish(publishOf(message), 4));
    expect(encodePublish(publishOf(message), 5)).toBe(encodePublish(publishOf(message), 5));
    expect(encoded(publishOf(message, { retain: true }), 5)[0]).toBe(0x31);
    expect(message.wire?.filter((slot) => slot !== undefined)).toHaveLength(3);
  });

  it("shares one form between QoS 1 and 2, with flags and identifier of each", () => {
    const message = messageTo("a", 2);
    const first = encoded(publishOf(message, { qos: 1, packetId: 0x1234 }), 4);
    const second = encoded(publishOf(message, { qos: 2, packetId: 7, dup: true }), 4);
    expect(first).toEqual(bytes("32 06 0001 61 1234 78"));
    expect(second).toEqual(bytes("3c 06 0001 61 0007 78"));
  });

  it("does not share what belongs to one subscriber or moment", () => {
    const message = messageTo("a", 0);
    encodePublish(publishOf(message, { identifiers: [1] }), 5);
    encodePublish(publishOf(message, { topicAlias: 1 }), 5);
    encodePublish(publishOf(message, { expirySecondsLeft: 3 }), 5);
    expect(message.wire).toBeNull();
  });

  it("hands a payload above 4 KiB on by reference", () => {
    const message = messageTo("a", 1, { payload: Buffer.alloc(4097) });
    const result = encodePublish(publishOf(message, { qos: 1, packetId: 1 }), 5);
    expect(Array.isArray(result) && result[1]).toBe(message.payload);
  });
});

describe("encodePacket", () => {
  it("acknowledgements have the bytes of mqtt-packet", () => {
    for (const cmd of ["puback", "pubrec", "pubrel", "pubcomp"] as const) {
      for (const reasonCode of [0, 0x92]) {
        for (const version of [4, 5] as const) {
          const packet = { cmd, messageId: 0x0102, reasonCode };
          expect(packetBytes(packet, version)).toEqual(reference(packet, version));
        }
      }
    }
    const properties = { reasonString: "why" };
    const packet = { cmd: "puback", messageId: 1, reasonCode: 0x87, properties } as const;
    expect(packetBytes(packet, 5)).toEqual(reference(packet, 5));
    expect(packetBytes(packet, 4)).toEqual(bytes("40 02 0001"));
  });

  const connack = { cmd: "connack", reasonCode: 0, sessionPresent: true } as const;
  const suback = { cmd: "suback", messageId: 1, granted: [2, 0x87] } as const;
  const table: readonly (readonly [string, OutboundPacket, ProtocolVersion, string])[] = [
    ["CONNACK", connack, 5, "20 03 01 00 00"],
    ["CONNACK in 3.1.1", connack, 4, "20 02 01 00"],
    ["CONNACK in 3.1, without Session Present", connack, 3, "20 02 00 00"],
    [
      "no session with an error [MQTT-3.2.2-6]",
      { ...connack, reasonCode: 0x87 },
      5,
      "20 03 00 87 00",
    ],
    ["return code 5 [MQTT-3.2.2-4]", { ...connack, reasonCode: 0x87 }, 4, "20 02 00 05"],
    ["return code 1", { ...connack, reasonCode: 0x84 }, 4, "20 02 00 01"],
    ["return code 3 in place of none", { ...connack, reasonCode: 0x81 }, 4, "20 02 00 03"],
    ["SUBACK", { ...suback, granted: [2, 0x87] }, 5, "90 05 0001 00 02 87"],
    ["SUBACK in 3.1.1", { ...suback, granted: [2, 0x87] }, 4, "90 04 0001 02 80"],
    ["UNSUBACK", { cmd: "unsuback", messageId: 1, granted: [0x11] }, 5, "b0 04 0001 00 11"],
    ["UNSUBACK in 3.1.1", { cmd: "unsuback", messageId: 1, granted: [0x11] }, 4, "b0 02 0001"],
    ["PINGRESP", { cmd: "pingresp" }, 4, "d0 00"],
    ["DISCONNECT", { cmd: "disconnect", reasonCode: 0x8e }, 5, "e0 02 8e 00"],
    ["no DISCONNECT in 3.1.1", { cmd: "disconnect", reasonCode: 0x8e }, 4, ""],
  ];

  it.each(table)("%s", (_claim, packet, version, expected) => {
    expect(packetBytes(packet, version)).toEqual(bytes(expected));
  });
});
