import fc from "fast-check";
import { expect, test } from "vitest";
import { passedOn, withShares } from "../../../src/broker/forward-codec.ts";
import { ForwardDecoder } from "../../../src/broker/forward-decoder.ts";
import { ForwardEncoder } from "../../../src/broker/forward-encoder.ts";
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
  const [encoder, decoder] = [new ForwardEncoder(), new ForwardDecoder(16)];
  fc.assert(
    fc.property(message, fc.boolean(), fc.array(fc.string()), (sent, isPlain, shares) => {
      const frame = withShares(encoder.encode(sent), isPlain, shares);
      expect(decoder.decode(frame)).toEqual({
        ...{ message: sent, isPlain, shares },
        isPassedOn: false,
      });
      const again = decoder.decode(passedOn(encoder.encode(sent), shares));
      expect(again).toEqual({ message: sent, isPlain: false, shares, isPassedOn: true });
    }),
  );
});

test("a forwarded message stays what it was when the memory of its frame is used again, and when others follow", () => {
  const [encoder, decoder] = [new ForwardEncoder(), new ForwardDecoder(16)];
  const sizes = fc.array(fc.constantFrom(0, 1, 60, 700, 5_000), { maxLength: 40 });
  fc.assert(
    fc.property(sizes, (payloadSizes) => {
      const sent = payloadSizes.map((sizeBytes, at) => messageOf(`t/${at}`, sizeBytes, at));
      const received = sent.map((each) => {
        const frame = Buffer.from(encoder.encode(each));
        const forward = decoder.decode(frame);
        frame.fill(0xff);
        return forward?.message;
      });
      expect(received).toEqual(sent);
    }),
  );
});

test("what follows a frame that is cut short is read whole", () => {
  const [encoder, decoder] = [new ForwardEncoder(), new ForwardDecoder(16)];
  const sent = messageOf("a/b", 20, 1);
  const frame = Buffer.from(encoder.encode(sent));
  for (let sizeBytes = 0; sizeBytes < frame.length; sizeBytes++) {
    expect(decoder.decode(frame.subarray(0, sizeBytes))).toBeNull();
    expect(decoder.decode(frame)?.message).toEqual(sent);
  }
});

test("messages that have much in common arrive as they were", () => {
  const similar: fc.Arbitrary<ApplicationMessage> = fc
    .record({
      topic: fc.constantFrom("a", "b"),
      payload: fc
        .constantFrom(0, 1, 100, 5_000, 70_000)
        .map((sizeBytes) => Buffer.alloc(sizeBytes, 1)),
      qos: fc.constantFrom<Qos>(0, 1),
      retain: fc.boolean(),
      properties: fc.option(fc.constant({ contentType: "text" })),
      receivedAtMs: fc.constantFrom(1, 2 ** 41),
      publisherId: fc.constantFrom("p", "q"),
      version: fc.constantFrom(0, 1),
    })
    .map(createMessage);
  const [encoder, decoder] = [new ForwardEncoder(), new ForwardDecoder(16)];
  const one = fc.tuple(similar, fc.nat(3));
  fc.assert(
    fc.property(fc.array(one, { maxLength: 30 }), (all) => {
      // Each of them several times, as the messages of one publisher are.
      for (const [sent, repetitions] of all) {
        for (let at = 0; at <= repetitions; at++) {
          const payload = Buffer.from(`${at}`);
          const message = createMessage({ ...sent, payload: at === 0 ? sent.payload : payload });
          expect(decoder.decode(encoder.encode(message))?.message).toEqual(message);
        }
      }
    }),
    { numRuns: 50 },
  );
});

function messageOf(topic: string, payloadSizeBytes: number, at: number): ApplicationMessage {
  const payload = Buffer.alloc(payloadSizeBytes, at);
  const publisherId = `publisher ${at}`;
  const rest = { qos: 0, retain: false, properties: null, receivedAtMs: 1, version: 0 } as const;
  return createMessage({ topic, payload, publisherId, ...rest });
}

test("a message that cannot be written leaves the next ones whole", () => {
  const [encoder, decoder] = [new ForwardEncoder(), new ForwardDecoder(16)];
  const good = messageOf("good/topic", 10, 1);
  encoder.encode(good);
  const properties = { responseTopic: null } as unknown as ApplicationMessage["properties"];
  const bad = createMessage({ ...messageOf("another/topic", 10, 2), properties });
  expect(() => encoder.encode(bad)).toThrow();
  expect(decoder.decode(encoder.encode(good))?.message).toEqual(good);
});
