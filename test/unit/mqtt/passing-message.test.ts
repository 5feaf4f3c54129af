import fc from "fast-check";
import { generate } from "mqtt-packet";
import { expect, test } from "vitest";
import { encodePublish, writePublish } from "../../../src/mqtt/encoder.ts";
import type { PacketSink } from "../../../src/mqtt/packet-sink.ts";
import type { ProtocolVersion } from "../../../src/mqtt/packets.ts";
import { keptMessage, PassingMessage } from "../../../src/mqtt/passing-message.ts";
import { TopicBytes } from "../../../src/mqtt/topic-bytes.ts";
import type { OutboundPublish } from "../../../src/session/session-api.ts";
import { frame, received } from "../../support/mqtt-wire.ts";

const version = fc.constantFrom<ProtocolVersion>(3, 4, 5);

function publishOf(message: PassingMessage, retain: boolean): OutboundPublish {
  const plain = { qos: 0, dup: false, packetId: 0, topicAlias: 0, isTopicOmitted: false } as const;
  return { ...plain, message, retain, identifiers: [], expirySecondsLeft: -1 };
}

/** Knows whether it was given what was received. */
function written(
  publish: OutboundPublish,
  to: ProtocolVersion,
): { bytes: Buffer; isPassedOn: boolean } {
  const memory = Buffer.alloc(4096);
  const parts: Buffer[] = [];
  let isPassedOn = false;
  const sink: PacketSink = {
    bytes: memory,
    topics: new TopicBytes(),
    reserve: (sizeBytes) => {
      parts.push(memory.subarray(0, sizeBytes));
      return 0;
    },
    passOn: (bytes, start, end) => {
      isPassedOn = true;
      parts.push(bytes.subarray(start, end));
    },
    share: (bytes) => void parts.push(bytes),
    push: (bytes) => void parts.push(bytes),
  };
  writePublish(publish, to, sink);
  return { bytes: Buffer.concat(parts), isPassedOn };
}

test("whoever gets the bytes that came gets what would have been written", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 20, unit: "grapheme-ascii" }),
      fc.uint8Array({ maxLength: 5000 }),
      ...[fc.boolean(), fc.boolean()],
      ...[version, version],
      (name, payload, isRetained, isToldRetained, from, to) => {
        const topic = name.replaceAll(/[+#]/g, "x");
        const packet = { topic, payload: Buffer.from(payload), retain: isRetained } as const;
        const options = { protocolVersion: from };
        const came = generate({ cmd: "publish", qos: 0, dup: false, ...packet }, options);
        const message = new PassingMessage("c");
        message.begin(received(from, came)[0]!, 0);
        const kept = keptMessage(message);
        const publish = publishOf(message, isToldRetained);
        const { bytes, isPassedOn } = written(publish, to);
        const expected = encodePublish({ ...publish, message: kept }, to);
        expect(bytes).toEqual(Array.isArray(expected) ? Buffer.concat(expected) : expected);
        const isSame = isRetained === isToldRetained && (from === 5) === (to === 5);
        expect(isPassedOn).toBe(isSame);
        message.end();
        expect([kept.topic, kept.payload]).toEqual([topic, Buffer.from(payload)]);
      },
    ),
  );
});

test("a length that takes more bytes than it needs is not passed on", () => {
  const plain = frame(0x30, Buffer.from("\0\u0001apayload"));
  const padded = Buffer.concat([Buffer.of(0x30, plain[1]! | 0x80, 0), plain.subarray(2)]);
  for (const [came, isSame] of [
    [plain, true],
    [padded, false],
  ] as const) {
    const message = new PassingMessage("c");
    message.begin(received(4, came)[0]!, 0);
    expect(written(publishOf(message, false), 4)).toEqual({ bytes: plain, isPassedOn: isSame });
  }
});
