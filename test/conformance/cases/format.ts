import assert from "node:assert/strict";
import type { Bench } from "../bench.ts";
import type { Chapter } from "../case.ts";
import { frame, type Piece, text, u16 } from "../wire/bytes.ts";
import * as packets from "../wire/client-packets.ts";
import { refused, refusedConnect } from "./refusals.ts";

/** Bytes that are no UTF-8: an overlong form, a surrogate, a stray byte, a cut sequence, one beyond U+10FFFF. */
const illFormed = ["c080", "eda080", "61ff", "61c3", "f4908080"].map((hex) =>
  Buffer.from(hex, "hex"),
);
const nullCharacter = Buffer.from("a\u0000b");

/** A packet after CONNECT with this string in each place where a client may put one. */
function packetsWith(bench: Bench, bad: Buffer): Buffer[] {
  const { version } = bench;
  const about = (name: "responseTopic" | "contentType") =>
    packets.publish(version, { topic: "t", properties: [[name, bad]] });
  return [
    packets.publish(version, { topic: bad }),
    packets.subscribe(version, 1, [[bad, 0]]),
    packets.unsubscribe(version, 1, [bad]),
    ...(bench.isMqtt5
      ? [
          about("responseTopic"),
          about("contentType"),
          packets.publish(version, { topic: "t", properties: [["userProperty", [bad, "v"]]] }),
          packets.publish(version, { topic: "t", properties: [["userProperty", ["n", bad]]] }),
        ]
      : []),
  ];
}

function connectsWith(bench: Bench, bad: Buffer): Buffer[] {
  const { version } = bench;
  const clientId = bench.clientId("bad");
  return [
    packets.connect(version, { clientId: bad }),
    packets.connect(version, { clientId, username: bad }),
    packets.connect(version, { clientId, will: { topic: bad } }),
  ];
}

async function refusedEverywhere(bench: Bench, bad: Buffer): Promise<void> {
  await Promise.all([
    ...packetsWith(bench, bad).map((packet) => refused(bench, packet, [0x81])),
    ...connectsWith(bench, bad).map((packet) => refusedConnect(bench, packet)),
  ]);
}

/** Packets after CONNECT whose reserved flags are not as they must be. */
function wrongFlags(bench: Bench): Buffer[] {
  const subscribe = [u16(1), bench.isMqtt5 ? [0] : [], text("t"), 0];
  const unsubscribe = [u16(1), bench.isMqtt5 ? [0] : [], text("t")];
  const wrong: [number, Piece, readonly number[]][] = [
    [4, u16(1), [1, 2, 8]],
    [5, u16(1), [1, 2, 8]],
    [6, u16(1), [0, 1, 3, 10]],
    [7, u16(1), [1, 2, 8]],
    [8, subscribe, [0, 1, 3, 10]],
    [10, unsubscribe, [0, 1, 3, 10]],
    [12, [], [1, 2, 8]],
    [14, [], [1, 2, 8]],
    ...(bench.isMqtt5 ? [[15, [0x18, 0], [1, 2, 8]] as [number, Piece, number[]]] : []),
  ];
  return wrong.flatMap(([type, body, flags]) =>
    flags.map((flag) => frame((type << 4) | flag, body)),
  );
}

export const format: Chapter = {
  title: "Data representation and packet format",
  cases: [
    {
      name: "ill-formed UTF-8 ends the connection, in whatever string it stands",
      v3: ["1.5.3-1", "3.1.3-4", "3.1.3-10", "3.1.3-11", "3.3.2-1", "3.8.3-1", "3.10.3-1"],
      v5: [
        "1.5.4-1",
        "1.5.7-1",
        "3.1.3-4",
        "3.1.3-11",
        "3.1.3-12",
        "3.3.2-1",
        "3.3.2-13",
        "3.3.2-19",
        "3.8.3-1",
        "3.10.3-1",
      ],
      run: async (bench) => {
        for (const bad of illFormed) await refusedEverywhere(bench, bad);
      },
    },
    {
      name: "a null character ends the connection, in whatever string it stands",
      v3: ["1.5.3-2", "4.7.3-2"],
      v5: ["1.5.4-2", "1.5.7-1", "4.7.3-2"],
      run: (bench) => refusedEverywhere(bench, nullCharacter),
    },
    {
      name: "U+FEFF is an ordinary character of a topic",
      v3: ["1.5.3-3", "4.7.3-4"],
      v5: ["1.5.4-3", "4.7.3-4"],
      run: async (bench) => {
        const plain = bench.topic("bom");
        const marked = `\ufeff${plain}`;
        const subscriber = await bench.subscriber("subscriber", marked);
        const other = await bench.subscriber("other", plain);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic: marked, payload: "marked", qos: 1 });
        await bench.publish(publisher, { topic: plain, payload: "plain", qos: 1 });
        assert.equal((await bench.receive(subscriber, "marked")).topic, marked);
        await bench.receive(other, "plain");
      },
    },
    {
      name: "variable byte integers are minimal: written so, and demanded so",
      v5: ["1.5.5-1"],
      run: async (bench) => {
        const topic = bench.topic("sizes");
        const subscriber = await bench.subscriber("subscriber", topic);
        const publisher = await bench.connect("publisher");
        // The sizes around which the Remaining Length grows by a byte; the strict reader looks at it.
        for (const around of [128, 16_384]) {
          for (let sizeBytes = around - topic.length - 12; sizeBytes < around + 2; sizeBytes++) {
            publisher.send(packets.publish(5, { topic, payload: Buffer.alloc(sizeBytes, 0x61) }));
            assert.equal((await subscriber.expect("publish")).payload.length, sizeBytes);
          }
        }
        // Property Length 0 in two bytes, and a Remaining Length in two bytes.
        await refused(bench, frame(0x30, text("t"), [0x80, 0]), [0x81]);
        await refused(bench, Buffer.from([0xc0, 0x80, 0x00]), [0x81]);
        await refused(bench, Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x01]), [0x81]);
      },
    },
    {
      name: "a reserved flag with another value ends the connection",
      v3: ["2.2.2-1", "2.2.2-2", "3.6.1-1", "3.8.1-1", "3.10.1-1", "3.14.1-1"],
      v5: ["2.1.3-1", "3.6.1-1", "3.8.1-1", "3.10.1-1", "3.14.1-1", "3.15.1-1"],
      run: async (bench) => {
        await Promise.all(wrongFlags(bench).map((packet) => refused(bench, packet, [0x81])));
      },
    },
    {
      name: "packet identifier 0 ends the connection",
      v3: ["2.3.1-1"],
      v5: ["2.2.1-3"],
      run: async (bench) => {
        const { version } = bench;
        await refused(bench, packets.subscribe(version, 0, [["t", 0]]), [0x81, 0x82]);
        await refused(bench, packets.unsubscribe(version, 0, ["t"]), [0x81, 0x82]);
        for (const qos of [1, 2]) {
          await refused(bench, packets.publish(version, { topic: "t", qos }), [0x81, 0x82]);
        }
      },
    },
    {
      name: "the server gives each message that is in flight an identifier of its own, not 0",
      v3: ["2.3.1-4"],
      v5: ["2.2.1-4", "4.3.2-1", "4.3.3-1"],
      run: async (bench) => {
        const topic = bench.topic("ids");
        const subscriber = await bench.subscriber("subscriber", topic);
        const publisher = await bench.connect("publisher");
        const inFlight = new Set<number>();
        for (let number = 0; number < 30; number++) {
          await bench.publish(publisher, { topic, payload: `${number}`, qos: 1 + (number % 2) });
          const { packetId, qos } = await subscriber.expectMessage(`${number}`);
          assert.ok(packetId > 0 && !inFlight.has(packetId), `identifier ${packetId}`);
          inFlight.add(packetId);
          // Some are acknowledged and free again, the others stay in flight.
          if (number % 3 !== 0 || qos !== 1) continue;
          subscriber.send(packets.ack(4, packetId));
          inFlight.delete(packetId);
        }
      },
    },
    {
      name: "answers carry the packet identifier of what they answer",
      v3: ["2.3.1-6", "2.3.1-7", "3.8.4-2", "3.10.4-4", "4.3.2-2", "4.3.3-2"],
      v5: ["2.2.1-5", "2.2.1-6", "3.8.4-2", "3.10.4-5", "4.3.2-4", "4.3.3-8", "4.3.3-11"],
      run: async (bench) => {
        const client = await bench.connect("client");
        const { version } = bench;
        const topic = bench.topic("answers");
        for (const packetId of [1, 255, 256, 0x1234, 65_535]) {
          client.send(packets.publish(version, { topic, qos: 1, packetId }));
          assert.equal((await client.expect("puback")).packetId, packetId);
          client.send(packets.publish(version, { topic, qos: 2, packetId }));
          assert.equal((await client.expect("pubrec")).packetId, packetId);
          client.send(packets.ack(6, packetId));
          assert.equal((await client.expect("pubcomp")).packetId, packetId);
          client.send(packets.subscribe(version, packetId, [[bench.topic("else"), 0]]));
          assert.equal((await client.expect("suback")).packetId, packetId);
          client.send(packets.unsubscribe(version, packetId, [bench.topic("else")]));
          assert.equal((await client.expect("unsuback")).packetId, packetId);
        }
      },
    },
    {
      name: "a PUBLISH at QoS 0 has no packet identifier",
      v3: ["2.3.1-5"],
      v5: ["2.2.1-2"],
      run: async (bench) => {
        const topic = bench.topic("qos0");
        const subscriber = await bench.subscriber("subscriber", topic);
        const publisher = await bench.connect("publisher");
        // An identifier would show as two more bytes of payload, on the way in or out.
        await bench.publish(publisher, { topic, payload: "whole" });
        await subscriber.expectMessage("whole");
      },
    },
    {
      name: "no properties are a Property Length of 0, and its absence is an error",
      v5: ["2.2.2-1"],
      run: async (bench) => {
        const topic = bench.topic("bare");
        const subscriber = await bench.subscriber("subscriber", topic);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic, payload: "bare", qos: 1 });
        assert.deepEqual((await bench.receive(subscriber, "bare")).properties, []);
        await refusedConnect(bench, frame(0x10, text("MQTT"), 5, 2, u16(0), text("x")));
        await refused(bench, frame(0x82, u16(1), text("t"), 0), [0x81, 0x82]);
      },
    },
  ],
};
