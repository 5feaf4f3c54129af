import fc from "fast-check";
import { expect, test } from "vitest";
import { Cursor } from "../../../src/mqtt/cursor.ts";
import { PacketDecoder } from "../../../src/mqtt/decoder.ts";
import { TopicBytes } from "../../../src/mqtt/topic-bytes.ts";
import { TopicNames } from "../../../src/mqtt/topic-names.ts";
import { bytes } from "../../support/mqtt-wire.ts";

/** Many alike, some long, some with characters of more than one byte. */
const topicName = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", "b", "/", "c"), maxLength: 6 }),
  fc.string({ unit: fc.constantFrom("x", "/"), minLength: 60, maxLength: 70 }),
  fc.string({ unit: fc.constantFrom("é", "€", "𝄞", "s", "/"), maxLength: 30 }),
);

test("a topic name is found by its bytes alone", () => {
  fc.assert(
    fc.property(fc.array(topicName, { maxLength: 60 }), (names) => {
      const remembered = new TopicNames();
      for (const name of names) {
        const written = Buffer.from(`<${name}>`);
        const end = written.length - 1;
        const known = remembered.find(written, 1, end);
        if (known === undefined) remembered.remember(name, written, 1, end);
        else expect(known).toBe(name);
      }
    }),
  );
});

test("a name that came is the same string when it comes again, with others in between", () => {
  const remembered = new TopicNames();
  const names = Array.from({ length: 20 }, (_, at) => `sensors/robot-${at}/coordinates`);
  for (const name of names) remembered.remember(name, Buffer.from(name), 0, name.length);
  for (const name of names) {
    expect(remembered.find(Buffer.from(name), 0, name.length)).toBe(name);
  }
});

test("more names than there is room for are never mistaken for each other", () => {
  const remembered = new TopicNames();
  for (let round = 0; round < 2; round++) {
    for (let at = 0; at < 10_000; at++) {
      const name = `t/${at}`;
      const written = Buffer.from(name);
      const known = remembered.find(written, 0, written.length);
      expect(known ?? name).toBe(name);
      if (known === undefined) remembered.remember(name, written, 0, written.length);
    }
  }
});

test("what one client published is no excuse for the next", () => {
  const cursor = new Cursor();
  const seen: string[] = [];
  const receiver = {
    packetReceived: (packet: object) => {
      if ("topic" in packet) seen.push(String(packet.topic));
    },
  };
  const pushed = (topic: string): void => {
    const decoder = new PacketDecoder(receiver, 1000, cursor);
    decoder.push(bytes("10 0d 00 04 4d 51 54 54 04 02 00 00 00 01 61"));
    const name = Buffer.from(topic);
    decoder.push(Buffer.from([0x30, name.length + 2, 0, name.length, ...name]));
  };
  pushed("a/b");
  pushed("a/b");
  expect(() => pushed("a/+")).toThrow(/wildcard/);
  expect(() => pushed("a/#")).toThrow(/wildcard/);
  expect(() => pushed("a/\0")).toThrow(/null character/);
  expect(() => pushed("")).toThrow(/without a topic/);
  pushed("a/b");
  expect(seen).toEqual(["a/b", "a/b", "a/b"]);
});

test("a topic is written as its UTF-8, whatever was written before", () => {
  fc.assert(
    fc.property(fc.array(topicName, { maxLength: 20 }), (names) => {
      const topics = new TopicBytes();
      for (const name of names) {
        const expected = Buffer.from(name);
        const target = Buffer.alloc(expected.length + 4, 0xee);
        expect(topics.encode(name)).toBe(expected.length);
        topics.copyTo(target, 2);
        const frame = Buffer.from([0xee, 0xee]);
        expect(target).toEqual(Buffer.concat([frame, expected, frame]));
      }
    }),
  );
});
