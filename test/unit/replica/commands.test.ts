import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteReader } from "../../../src/replica/byte-reader.ts";
import { ByteWriter } from "../../../src/replica/byte-writer.ts";
import { decodeCommand, encodeCommand } from "../../../src/replica/commands.ts";
import { readMessageBody } from "../../../src/replica/message-codec.ts";
import type { Command } from "../../../src/replica/replica-api.ts";
import { valueDepthMax } from "../../../src/replica/state-value.ts";
import { withoutTexts } from "../../support/commands.ts";
import { anyCommand, message } from "../../support/replica-model.ts";

const anyName = fc.string({ unit: "grapheme", maxLength: 40 });

function withValue(value: unknown): Command {
  return { type: "state", source: "s", updates: [{ device: "d", attribute: "a", value }] };
}

describe("commands", () => {
  it("come back as they were, properties included", () => {
    fc.assert(
      fc.property(anyCommand(anyName, anyName), (command) => {
        const decoded = decodeCommand(encodeCommand(command));
        expect(decoded && withoutTexts(decoded)).toEqual(command);
      }),
      { numRuns: 500 },
    );
  });

  it("keep user properties in order, repeated names, and a name like __proto__", () => {
    const userProperties = [
      ["b", "2"],
      ["__proto__", "p"],
      ["b", "1"],
      ["a", ""],
    ] as const;
    const command: Command = {
      type: "retain",
      message: message("t", "x", { properties: { userProperties } }),
      updates: [],
    };
    const decoded = decodeCommand(encodeCommand(command));
    const found = decoded?.type === "retain" ? decoded.message.properties?.userProperties : null;
    expect(found).toEqual(userProperties);
  });

  it("of 0.1 with a list of values for one name are read", () => {
    const writer = new ByteWriter(64);
    writer.byte(0x08);
    writer.number(1);
    writer.string("publisher");
    writer.byte(0x40);
    writer.number(1);
    writer.string("name");
    writer.number(3);
    writer.string("first");
    writer.string("second");
    writer.bytes(Buffer.from("x"));
    const reader = new ByteReader(writer.finish());
    const found = readMessageBody(reader, "t", 1);
    expect([reader.isSound, reader.isAtEnd]).toEqual([true, true]);
    expect(found.properties?.userProperties).toEqual([
      ["name", "first"],
      ["name", "second"],
    ]);
  });

  it("are small: a sensor's value costs little more than its names and payload", () => {
    const topic = "sensors/robot-17/motorRPM";
    const command = encodeCommand({
      type: "retain",
      message: message(topic, "1375.5", { publisherId: "robot-17", receivedAtMs: 1.8e12 }),
      updates: [],
    });
    expect(command.length - topic.length - "1375.5".length - "robot-17".length).toBeLessThan(16);
  });

  it("read as null, or as what is there, when bytes are missing; as null with one too many or of another version", () => {
    fc.assert(
      fc.property(anyCommand(anyName, anyName), fc.nat(), (command, at) => {
        const bytes = encodeCommand(command);
        const start = bytes.subarray(0, at % bytes.length);
        const cut = decodeCommand(start);
        // Without its last part, which few commands have, it is a whole command; that one was cut off is the log's to notice.
        if (cut !== null) expect(encodeCommand(cut)).toEqual(start);
        expect(decodeCommand(Buffer.concat([bytes, Buffer.of(0)]))).toBeNull();
        expect(decodeCommand(Buffer.concat([Buffer.of(99), bytes.subarray(1)]))).toBeNull();
      }),
    );
  });

  it("read as null with a number beyond the safe integers", () => {
    const claim = { type: "claim", clientId: "", cleanStart: false, expirySeconds: 0 } as const;
    const start = encodeCommand(claim).subarray(0, -1);
    const number = (last: number): Buffer =>
      Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, last]);
    const largest = { ...claim, expirySeconds: Number.MAX_SAFE_INTEGER };
    expect(decodeCommand(Buffer.concat([start, number(0x0f)]))).toEqual(largest);
    expect(decodeCommand(Buffer.concat([start, number(0x10)]))).toBeNull();
    expect(decodeCommand(Buffer.concat([start, number(0xff), number(0)]))).toBeNull();
  });

  it("never throw when garbage is read", () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .uint8Array({ maxLength: 300 })
        .map((bytes) => Uint8Array.from([1, 1 + (bytes.length % 4), ...bytes])),
    );
    fc.assert(
      fc.property(garbage, (bytes) => {
        decodeCommand(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it("never throw when a bit of a good one flips", () => {
    fc.assert(
      fc.property(anyCommand(anyName, anyName), fc.nat(), (command, at) => {
        const bytes = encodeCommand(command);
        const place = at % (bytes.length * 8);
        bytes[place >> 3]! ^= 1 << (place & 7);
        decodeCommand(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  it("refuse values that replicas could disagree on", () => {
    const deep = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth));
    expect(decodeCommand(encodeCommand(withValue(deep(valueDepthMax))))).not.toBeNull();
    for (const value of [deep(valueDepthMax + 1), Number.NaN, Number.POSITIVE_INFINITY, () => 0]) {
      expect(() => encodeCommand(withValue(value))).toThrow(TypeError);
    }
    const bytes = encodeCommand(withValue(11111));
    const text = Buffer.from(bytes.toString("latin1").replace("11111", "1e999"), "latin1");
    expect(decodeCommand(text)).toBeNull();
  });
});
