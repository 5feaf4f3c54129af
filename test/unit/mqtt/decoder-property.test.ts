import fc from "fast-check";
import { type Packet, parser } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import type { ProtocolVersion } from "../../../src/mqtt/packets.ts";
import { connectArbitrary, packetArbitrary } from "../../support/mqtt-arbitrary.ts";
import {
  connectBytes,
  cut,
  decode,
  frame,
  inOurShape,
  reference,
} from "../../support/mqtt-wire.ts";

/** What mqtt-packet makes of the bytes, without the fields of its own bookkeeping. */
function parsedByReference(wire: Buffer, version: ProtocolVersion): object[] {
  const packets: object[] = [];
  const referenceParser = parser({ protocolVersion: version });
  referenceParser.on("packet", (packet) => packets.push(meaning(packet)));
  referenceParser.on("error", (error: Error) => {
    throw error;
  });
  referenceParser.parse(wire);
  return packets;
}

function meaning(packet: Packet): object {
  const {
    length: _length,
    topic,
    payload,
    qos,
    dup,
    retain,
    ...rest
  } = packet as never as Record<string, unknown>;
  if (packet.cmd === "publish") return compact({ ...rest, topic, payload, qos, dup, retain });
  if ("reasonCode" in packet || "messageId" in packet || packet.cmd === "disconnect") {
    const hasReason = /^(pub|disconnect)/.test(packet.cmd);
    return compact(hasReason ? { reasonCode: 0, ...defined(rest) } : rest);
  }
  return compact(rest);
}

function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null));
}

function compact(fields: Record<string, unknown>): object {
  const { subscriptions, ...rest } = defined(fields);
  if (!Array.isArray(subscriptions)) return rest;
  const options = { nl: false, rap: false, rh: 0 };
  return { ...rest, subscriptions: subscriptions.map((request) => ({ ...options, ...request })) };
}

describe("valid packets mean the same as to mqtt-packet", () => {
  it.each([4, 5] as const)("in version %i, however they are split", (version) => {
    const places = fc.array(fc.nat(), { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(packetArbitrary(version), { maxLength: 4 }), places, (packets, ends) => {
        const wire = Buffer.concat(packets.map((packet) => reference(packet, version)));
        const decoding = decode(version, cut(wire, ends));
        expect(decoding.reasonCode).toBe(null);
        const parsed = parsedByReference(wire, version);
        expect(decoding.packets).toEqual(parsed.map(inOurShape));
        expect(decoding.packets).toEqual(packets.map(inOurShape));
      }),
      { numRuns: 4000 },
    );
  });

  it.each([4, 5] as const)("CONNECT in version %i", (version) => {
    const places = fc.array(fc.nat(), { maxLength: 3 });
    fc.assert(
      fc.property(connectArbitrary(version), places, (packet, ends) => {
        const wire = reference(packet, version);
        const decoding = decode(null, cut(wire, ends));
        expect(decoding.reasonCode).toBe(null);
        expect(decoding.packets).toEqual([inOurShape(packet)]);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("whatever the bytes, an error is an MqttError", () => {
  const version = fc.constantFrom(null, 3 as const, 4 as const, 5 as const);
  const places = fc.array(fc.nat(), { maxLength: 4 });

  it("for random bytes", () => {
    fc.assert(
      fc.property(version, fc.uint8Array({ maxLength: 64 }), places, (known, noise, ends) => {
        decode(known, cut(Buffer.from(noise), ends), 4096);
      }),
      { numRuns: 10_000 },
    );
  });

  it("for random bodies behind a valid fixed header", () => {
    const first = fc.constantFrom(0x10, 0x30, 0x3b, 0x40, 0x50, 0x62, 0x70, 0x82, 0xa2, 0xe0, 0xf0);
    fc.assert(
      fc.property(version, first, fc.uint8Array({ maxLength: 48 }), (known, type, noise) => {
        decode(known, [frame(type, Buffer.from(noise))], 4096);
      }),
      { numRuns: 10_000 },
    );
  });

  it("for valid packets with a few bytes changed", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(packetArbitrary(5), connectArbitrary(5), changes, (packet, connect, edits) => {
        const wire = Buffer.concat([reference(connect, 5), reference(packet, 5)]);
        for (const [place, value] of edits) wire[place % wire.length] = value;
        decode(null, [wire], 4096);
        decode(5, [wire.subarray(reference(connect, 5).length)], 4096);
      }),
      { numRuns: 10_000 },
    );
  });

  it("and the outcome does not depend on where the chunks end", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 48 }), places, (noise, ends) => {
        const wire = Buffer.concat([connectBytes(5), Buffer.from(noise)]);
        const whole = decode(null, [wire], 4096);
        const split = decode(null, cut(wire, ends), 4096);
        expect([split.reasonCode, split.packets]).toEqual([whole.reasonCode, whole.packets]);
      }),
      { numRuns: 5000 },
    );
  });
});
