import { generate } from "mqtt-packet";
import { describe, expect, test } from "vitest";
import { Acknowledgements } from "../../../scripts/bench/load/acknowledgements.ts";
import { PacketReader } from "../../../scripts/bench/load/packet-reader.ts";
import {
  connectPacket,
  PacketKind,
  PublishTemplate,
  subscribePacket,
} from "../../../scripts/bench/load/packets.ts";

function payloadWith(run: number, publisher: number, sequence: number, sizeBytes: number): Buffer {
  const payload = Buffer.alloc(sizeBytes, "f");
  payload.writeUInt32BE(run, 0);
  payload.writeUInt32BE(publisher, 4);
  payload.writeUInt32BE(sequence, 8);
  payload.writeUInt32BE(sequence, sizeBytes - 4);
  return payload;
}

interface Form {
  readonly qos: 0 | 1 | 2;
  readonly version: 4 | 5;
  readonly hasProperties: boolean;
  readonly isDeviceState?: boolean;
}

const plain: Form = { qos: 0, version: 4, hasProperties: false };

function publishOf(form: Form, sequence: number, packetId: number, payloadSizeBytes: number) {
  const fields = { topic: "bench/9/4/0", retain: true, payloadSizeBytes, run: 9, publisher: 4 };
  const template = new PublishTemplate({ isDeviceState: false, ...fields, ...form });
  const bytes = Buffer.alloc(template.sizeBytes);
  template.write(bytes, 0, sequence, packetId);
  return bytes;
}

describe("hand-made packets equal those of mqtt-packet", () => {
  test.each([16, 64, 20_000])("PUBLISH with %i bytes", (sizeBytes) => {
    const payload = payloadWith(9, 4, 70_000, sizeBytes);
    const common = { cmd: "publish", topic: "bench/9/4/0", payload, dup: false } as const;
    expect(publishOf(plain, 70_000, 0, sizeBytes)).toEqual(
      generate({ ...common, qos: 0, retain: true }),
    );
    expect(publishOf({ ...plain, qos: 1 }, 70_000, 4095, sizeBytes)).toEqual(
      generate({ ...common, qos: 1, retain: true, messageId: 4095 }),
    );
  });

  test("PUBLISH of a reading, JSON of just its size", () => {
    for (const sizeBytes of [64, 300]) {
      const bytes = publishOf({ ...plain, qos: 1, isDeviceState: true }, 0xabcdef, 7, sizeBytes);
      const payload = bytes.subarray(bytes.length - sizeBytes);
      expect(JSON.parse(payload.toString())).toMatchObject({ n: "00abcdef", x: 123.45 });
    }
  });

  test("PUBLISH of MQTT 5, with and without properties", () => {
    const payload = payloadWith(9, 4, 70_000, 64);
    const common = { cmd: "publish", topic: "bench/9/4/0", payload, dup: false } as const;
    const packet = { ...common, qos: 2, retain: true, messageId: 300 } as const;
    const form = { qos: 2, version: 5 } as const;
    expect(publishOf({ ...form, hasProperties: false }, 70_000, 300, 64)).toEqual(
      generate(packet, { protocolVersion: 5 }),
    );
    const properties = {
      messageExpiryInterval: 3600,
      contentType: "application/octet-stream",
      userProperties: { site: "hall-7" },
    };
    expect(publishOf({ ...form, hasProperties: true }, 70_000, 300, 64)).toEqual(
      generate({ ...packet, properties }, { protocolVersion: 5 }),
    );
  });

  test("CONNECT and SUBSCRIBE", () => {
    const connect = { cmd: "connect", protocolId: "MQTT", clean: true, clientId: "s1" } as const;
    expect(connectPacket("s1")).toEqual(generate({ ...connect, protocolVersion: 4, keepalive: 0 }));
    expect(connectPacket("s1", 5)).toEqual(
      generate({
        ...{ ...connect, protocolVersion: 5, keepalive: 0 },
        properties: { receiveMaximum: 65_535 },
      }),
    );
    expect(connectPacket("s1", 5, false)).toEqual(
      generate({
        ...{ ...connect, clean: false, protocolVersion: 5, keepalive: 0 },
        properties: { sessionExpiryInterval: 3600, receiveMaximum: 65_535 },
      }),
    );
    const subscriptions = [
      { topic: "bench/#", qos: 1 },
      { topic: "other", qos: 1 },
    ] as const;
    expect(subscribePacket(["bench/#", "other"], 1)).toEqual(
      generate({ cmd: "subscribe", messageId: 1, subscriptions: [...subscriptions] }),
    );
    expect(subscribePacket(["bench/#", "other"], 1, 5)).toEqual(
      generate(
        { cmd: "subscribe", messageId: 1, subscriptions: [...subscriptions] },
        { protocolVersion: 5 },
      ),
    );
  });

  test("PUBACK, PUBREC, PUBREL and PUBCOMP leave together", () => {
    const acknowledgements = new Acknowledgements();
    const kinds = ["puback", "pubrec", "pubrel", "pubcomp"] as const;
    for (const kind of kinds) acknowledgements.add(PacketKind[kind], 4095);
    expect(acknowledgements.take()).toEqual(
      Buffer.concat(kinds.map((cmd) => generate({ cmd, messageId: 4095 }))),
    );
    expect(acknowledgements.isEmpty).toBe(true);
  });
});

describe("the reader", () => {
  const streamOf = (form: Pick<Form, "version" | "hasProperties">) =>
    Buffer.concat([
      Buffer.from(form.version === 5 ? [0x20, 3, 0, 0, 0] : [0x20, 2, 0, 0]),
      publishOf({ ...form, qos: 0 }, 1, 0, 64),
      publishOf({ ...form, qos: 1 }, 2, 77, 300),
      publishOf({ ...form, qos: 2 }, 3, 78, 64),
      Buffer.from([0x40, 2, 1, 2, 0x62, 2, 1, 3]),
    ]);

  function readIn(stream: Buffer, sizeBytes: number, version: 4 | 5): readonly unknown[] {
    const seen: unknown[] = [];
    const visitor = {
      publish: (bytes: Buffer, start: number, end: number, packetId: number, qos: number) =>
        seen.push(["publish", bytes.readUInt32BE(start + 8), end - start, packetId, qos]),
      acknowledge: (kind: number, packetId: number) => seen.push([kind, packetId]),
      answer: (kind: number, code: number) => seen.push(["answer", kind, code]),
    };
    const reader = new PacketReader(visitor, version);
    for (let at = 0; at < stream.length; at += sizeBytes) {
      reader.push(stream.subarray(at, at + sizeBytes));
    }
    return seen;
  }

  const expected = [
    ["answer", PacketKind.connack, 0],
    ["publish", 1, 64, 0, 0],
    ["publish", 2, 300, 77, 1],
    ["publish", 3, 64, 78, 2],
    [PacketKind.puback, 258],
    [PacketKind.pubrel, 259],
  ];

  test.each([1, 2, 3, 7, 100, 1000])("reads the same from chunks of %i bytes", (sizeBytes) => {
    const old = streamOf({ version: 4, hasProperties: false });
    expect(readIn(old, sizeBytes, 4)).toEqual(expected);
    const withProperties = streamOf({ version: 5, hasProperties: true });
    expect(readIn(withProperties, sizeBytes, 5)).toEqual(expected);
  });

  test("refuses what the broker refused", () => {
    const refused = Buffer.from([0x40, 4, 0, 7, 0x97, 0]);
    expect(() => readIn(refused, 100, 5)).toThrow("151");
    expect(readIn(Buffer.from([0x40, 4, 0, 7, 0x10, 0]), 100, 5)).toEqual([[4, 7]]);
  });
});
