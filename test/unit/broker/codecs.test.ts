import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeForwardFrame,
  encodeForward,
  withShares,
} from "../../../src/broker/forward-codec.ts";
import { decodeSession, encodeSession } from "../../../src/broker/session-codec.ts";
import { type ApplicationMessage, createMessage } from "../../../src/mqtt/message.ts";
import type { Qos } from "../../../src/mqtt/packets.ts";
import type { SessionSnapshot } from "../../../src/session/session-api.ts";

const qos = fc.constantFrom<Qos>(0, 1, 2);
const properties = fc.record(
  {
    payloadFormatIndicator: fc.boolean(),
    messageExpiryInterval: fc.nat(),
    contentType: fc.string(),
    correlationData: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  },
  { requiredKeys: [] },
);
const message: fc.Arbitrary<ApplicationMessage> = fc
  .record({
    topic: fc.string({ minLength: 1 }),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    qos,
    retain: fc.boolean(),
    properties: fc.option(properties),
    receivedAtMs: fc.nat(2 ** 45),
    publisherId: fc.string(),
    version: fc.nat(),
  })
  .map(createMessage);

test("a forwarded message arrives as it was", () => {
  fc.assert(
    fc.property(message, fc.boolean(), fc.array(fc.string()), (sent, isPlain, shares) => {
      const frame = withShares(encodeForward(sent), isPlain, shares);
      expect(decodeForwardFrame(frame)).toEqual({ message: sent, isPlain, shares });
    }),
  );
});

const snapshot: fc.Arbitrary<SessionSnapshot> = fc.record({
  clientId: fc.string(),
  sessionExpirySeconds: fc.nat(0xffffffff),
  subscriptions: fc.array(
    fc.record({
      filter: fc.string(),
      qos,
      noLocal: fc.boolean(),
      retainAsPublished: fc.boolean(),
      retainHandling: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
      identifier: fc.nat(268_435_455),
    }),
  ),
  outbound: fc.array(
    fc.record({
      message,
      qos,
      retain: fc.boolean(),
      identifiers: fc.array(fc.nat(268_435_455)),
      packetId: fc.nat(65_535),
      phase: fc.constantFrom("queued", "published", "released"),
    }),
  ),
  inboundQos2: fc.array(fc.nat(65_535)),
});

test("a session arrives as it was", () => {
  fc.assert(
    fc.property(snapshot, (sent) => {
      expect(decodeSession(encodeSession(sent))).toEqual(sent);
    }),
  );
});

test("bytes of anybody else are refused, not believed and not fatal", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const frame = decodeForwardFrame(bytes);
      if (frame) expect(frame.message.topic).not.toBe("");
      try {
        decodeSession(bytes);
      } catch (error) {
        expect(error).toMatchObject({ code: "snapshot-malformed" });
      }
    }),
  );
  const whole = withShares(encodeForward(fc.sample(message, 1)[0]!), true, ["a"]);
  for (let end = 0; end < whole.length; end++) {
    expect(decodeForwardFrame(whole.subarray(0, end))).toBeNull();
  }
});
