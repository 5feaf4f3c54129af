import { generate } from "mqtt-packet";
import { describe, expect, test } from "vitest";
import { PacketReader } from "../../../scripts/bench/load/packet-reader.ts";
import {
  connectPacket,
  PublishTemplate,
  subscribePacket,
  writePuback,
} from "../../../scripts/bench/load/packets.ts";

function payloadWith(run: number, publisher: number, sequence: number, sizeBytes: number): Buffer {
  const payload = Buffer.alloc(sizeBytes, "f");
  payload.writeUInt32BE(run, 0);
  payload.writeUInt32BE(publisher, 4);
  payload.writeUInt32BE(sequence, 8);
  return payload;
}

function publishOf(qos: 0 | 1, sequence: number, packetId: number, payloadSizeBytes: number) {
  const template = new PublishTemplate({
    topic: "bench/9/4/0",
    qos,
    retain: true,
    payloadSizeBytes,
    run: 9,
    publisher: 4,
  });
  const bytes = Buffer.alloc(template.sizeBytes);
  template.write(bytes, 0, sequence, packetId);
  return bytes;
}

describe("hand-made packets equal those of mqtt-packet", () => {
  test.each([12, 64, 20_000])("PUBLISH with %i bytes", (sizeBytes) => {
    const payload = payloadWith(9, 4, 70_000, sizeBytes);
    const common = { cmd: "publish", topic: "bench/9/4/0", payload, dup: false } as const;
    expect(publishOf(0, 70_000, 0, sizeBytes)).toEqual(
      generate({ ...common, qos: 0, retain: true }),
    );
    expect(publishOf(1, 70_000, 4095, sizeBytes)).toEqual(
      generate({ ...common, qos: 1, retain: true, messageId: 4095 }),
    );
  });

  test("CONNECT, SUBSCRIBE and PUBACK", () => {
    expect(connectPacket("s1")).toEqual(
      generate({
        cmd: "connect",
        protocolId: "MQTT",
        protocolVersion: 4,
        clean: true,
        clientId: "s1",
        keepalive: 0,
      }),
    );
    expect(subscribePacket("bench/#", 1)).toEqual(
      generate({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "bench/#", qos: 1 }] }),
    );
    const puback = Buffer.alloc(4);
    writePuback(puback, 0, 4095);
    expect(puback).toEqual(generate({ cmd: "puback", messageId: 4095 }));
  });
});

describe("the reader", () => {
  const stream = Buffer.concat([
    Buffer.from([0x20, 2, 0, 0]),
    publishOf(0, 1, 0, 64),
    publishOf(1, 2, 77, 300),
    Buffer.from([0x40, 2, 1, 2]),
  ]);

  test.each([1, 2, 3, 7, 100, 1000])("reads the same from chunks of %i bytes", (sizeBytes) => {
    const seen: unknown[] = [];
    const reader = new PacketReader({
      publish: (bytes, start, end, packetId) =>
        seen.push(["publish", bytes.readUInt32BE(start + 8), end - start, packetId]),
      puback: (packetId) => seen.push(["puback", packetId]),
      answer: (kind, code) => seen.push(["answer", kind, code]),
    });
    for (let at = 0; at < stream.length; at += sizeBytes) {
      reader.push(stream.subarray(at, at + sizeBytes));
    }
    expect(seen).toEqual([
      ["answer", 2, 0],
      ["publish", 1, 64, 0],
      ["publish", 2, 300, 77],
      ["puback", 258],
    ]);
  });
});
