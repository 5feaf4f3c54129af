import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeForwardFrame,
  encodeForward,
  passedOn,
  withShares,
} from "../../../src/broker/forward-codec.ts";
import { type ApplicationMessage, createMessage } from "../../../src/mqtt/message.ts";
import type { Qos } from "../../../src/mqtt/packets.ts";

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
      expect(decodeForwardFrame(frame)).toEqual({
        ...{ message: sent, isPlain, shares },
        isPassedOn: false,
      });
      const again = decodeForwardFrame(passedOn(encodeForward(sent), shares));
      expect(again).toEqual({ message: sent, isPlain: false, shares, isPassedOn: true });
    }),
  );
});
