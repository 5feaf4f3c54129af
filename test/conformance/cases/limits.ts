import assert from "node:assert/strict";
import type { Bench } from "../bench.ts";
import type { Chapter } from "../case.ts";
import type { TestClient } from "../client.ts";
import { frame, text, u16 } from "../wire/bytes.ts";
import * as packets from "../wire/client-packets.ts";
import { type Properties, propertyOf } from "../wire/properties.ts";

function told(properties: Properties | undefined, name: "receiveMaximum" | "maximumPacketSize") {
  return propertyOf(properties ?? [], name) as number | undefined;
}

/**
 * Packets to which the server could answer with a Reason String or User Properties; each is answered at once, as `publishFirst` was
 * before.
 */
function provocations(): Buffer[] {
  return [
    packets.subscribe(5, 1, [["wrong/#/filter", 0]]),
    packets.unsubscribe(5, 2, ["not subscribed"]),
    packets.publish(5, { topic: "$SYS/x", qos: 1, packetId: 3 }),
    packets.publish(5, { topic: "$SYS/x", qos: 2, packetId: 4 }),
    packets.ack(6, 5),
    packets.ack(6, 6),
    packets.ack(5, 7),
  ];
}

async function publishFirst(bench: Bench, client: TestClient): Promise<void> {
  client.send(packets.publish(5, { topic: bench.topic("t"), qos: 2, packetId: 5 }));
  await client.expect("pubrec");
}

export const limits: Chapter = {
  title: "Flow control and packet size",
  cases: [
    {
      name: "the server has no more in flight than the client's Receive Maximum",
      v5: ["3.3.4-9", "4.9.0-1", "4.9.0-2", "4.3.2-3"],
      run: async (bench) => {
        const topic = bench.topic("window");
        const subscriber = await bench.connect("subscriber", {
          properties: [["receiveMaximum", 2]],
        });
        await bench.subscribe(subscriber, [[topic, 2]]);
        const publisher = await bench.connect("publisher");
        for (let number = 0; number < 6; number++) {
          await bench.publish(publisher, { topic, payload: `${number}`, qos: 1 + (number % 2) });
        }
        // At QoS 0 there is no quota; behind the others it shows that they are being held.
        const first = await subscriber.expectMessage("0");
        const second = await subscriber.expectMessage("1");
        assert.deepEqual(await subscriber.untilPong(), []);
        subscriber.send(packets.ack(4, first.packetId));
        const third = await subscriber.expectMessage("2");
        assert.deepEqual(await subscriber.untilPong(), []);
        // PUBREC frees nothing, PUBCOMP does, and so does a PUBREC with an error.
        subscriber.send(packets.ack(5, second.packetId));
        await subscriber.expect("pubrel");
        assert.deepEqual(await subscriber.untilPong(), []);
        subscriber.send(packets.ack(7, second.packetId));
        const fourth = await subscriber.expectMessage("3");
        assert.deepEqual(await subscriber.untilPong(), []);
        subscriber.send(packets.ack(5, fourth.packetId, 0x80));
        await subscriber.expectMessage("4");
        subscriber.send(packets.ack(4, third.packetId));
        await subscriber.expectMessage("5");
      },
    },
    {
      name: "an exhausted quota delays nothing but QoS 1 and 2 messages",
      v5: ["3.3.4-10", "4.9.0-3"],
      run: async (bench) => {
        const topic = bench.topic("window");
        const client = await bench.connect("client", { properties: [["receiveMaximum", 1]] });
        await bench.subscribe(client, [[topic, 2]]);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic, payload: "in flight", qos: 1 });
        await bench.publish(publisher, { topic, payload: "waiting", qos: 1 });
        const { packetId } = await client.expectMessage("in flight");
        const else_ = bench.topic("else");
        assert.deepEqual(await bench.subscribe(client, [[else_, 1]]), [1]);
        assert.deepEqual(await bench.unsubscribe(client, [else_]), [0]);
        for (const qos of [1, 2]) {
          await bench.publish(client, { topic: bench.topic("nobody"), payload: "x", qos });
        }
        assert.deepEqual(await client.untilPong(), []);
        client.send(packets.ack(4, packetId));
        await bench.receive(client, "waiting");
      },
    },
    {
      name: "more unacknowledged messages than the server's Receive Maximum end the connection",
      v5: ["3.3.4-7"],
      run: async (bench) => {
        const client = await bench.connect("client");
        const maximum = told(client.connack?.properties, "receiveMaximum") ?? 65_535;
        const all: Buffer[] = [];
        for (let packetId = 1; packetId <= maximum; packetId++) {
          all.push(packets.publish(5, { topic: bench.topic("t"), qos: 2, packetId }));
        }
        client.send(...all);
        for (const packet of await client.untilPong()) assert.equal(packet.type, "pubrec");
        client.send(packets.publish(5, { topic: bench.topic("t"), qos: 2, packetId: maximum + 1 }));
        assert.equal(await client.closingCode(), 0x93);
      },
    },
    {
      name: "a packet larger than the server's Maximum Packet Size ends the connection",
      v5: ["3.2.2-15"],
      run: async (bench) => {
        const topic = bench.topic("large");
        const client = await bench.connect("client");
        const maximum = told(client.connack?.properties, "maximumPacketSize");
        assert.ok(maximum !== undefined);
        const overhead = packets.publish(5, { topic, payload: Buffer.alloc(maximum - 100) }).length;
        const payload = Buffer.alloc(maximum - (overhead - (maximum - 100)));
        const largest = packets.publish(5, { topic, payload });
        assert.equal(largest.length, maximum);
        client.send(largest);
        assert.deepEqual(await client.untilPong(), []);
        client.send(packets.publish(5, { topic, payload: Buffer.alloc(payload.length + 1) }));
        assert.equal(await client.closingCode(), 0x95);
      },
    },
    {
      name: "a message larger than the client's Maximum Packet Size counts as delivered",
      v5: ["3.1.2-24", "3.1.2-25"],
      run: async (bench) => {
        const topic = bench.topic("m");
        const subscriber = await bench.connect("subscriber", {
          properties: [
            ["maximumPacketSize", 80],
            ["receiveMaximum", 1],
          ],
        });
        await bench.subscribe(subscriber, [[topic, 2]]);
        const publisher = await bench.connect("publisher");
        const bare = packets.publish(5, { topic, qos: 1, packetId: 1 }).length;
        for (const qos of [0, 1, 2]) {
          const exact = "e".repeat(80 - bare + (qos === 0 ? 2 : 0));
          await bench.publish(publisher, { topic, payload: `${exact}+`, qos });
          await bench.publish(publisher, { topic, payload: exact, qos });
          // With a window of one, a message that was not let go would hold up all that follow.
          await bench.receive(subscriber, exact);
        }
      },
    },
    {
      name: "no answer is larger than the client's Maximum Packet Size",
      v5: ["3.1.2-24", "3.2.2-19", "3.2.2-20"],
      run: async (bench) => {
        // Whatever is announced, the client itself checks each packet; one it could not even be greeted in is no session.
        for (const size of [1, 4, 5, 10, 14, 15, 16, 17, 18, 19, 20, 24, 30]) {
          const client = await bench.open(`small ${size}`);
          client.maximumPacketSizeBytes = size;
          const properties = [["maximumPacketSize", size]] as const;
          client.send(packets.connect(5, { clientId: client.clientId, properties }));
          client.send(packets.pingreq);
          const first = await client.next("CONNACK or the end").catch((error: Error) => {
            if (!error.message.startsWith("the server closed")) throw error;
            return null;
          });
          if (first === null) continue;
          assert.ok(first.type === "connack");
          assert.deepEqual(first.code === 0 ? await client.untilPong() : [], []);
        }
        // More codes than fit into a SUBACK of 40 bytes: it cannot be sent, and the client must not wait for ever.
        const client = await bench.connect("many", { properties: [["maximumPacketSize", 40]] });
        const filters = Array.from({ length: 60 }, (_, at) => [bench.topic(`${at}`), 0] as const);
        client.send(packets.subscribe(5, 1, filters));
        assert.equal(await client.closingCode(), 0x95);
      },
    },
    {
      name: "Reason Strings and User Properties never make an answer too large",
      v5: [
        "3.4.2-2",
        "3.4.2-3",
        "3.5.2-2",
        "3.5.2-3",
        "3.6.2-2",
        "3.6.2-3",
        "3.7.2-2",
        "3.7.2-3",
        "3.9.2-1",
        "3.9.2-2",
        "3.11.2-1",
        "3.11.2-2",
        "3.14.2-3",
        "3.14.2-4",
      ],
      run: async (bench) => {
        const properties = [["maximumPacketSize", 24]] as const;
        const client = await bench.connect("small", { properties });
        await publishFirst(bench, client);
        client.send(...provocations());
        const types = (await client.untilPong()).map((packet) => packet.type);
        const expected = ["suback", "unsuback", "puback", "pubrec", "pubcomp"];
        assert.deepEqual(types.sort(), [...expected, "pubcomp", "pubrel"].sort());
        client.send(packets.subscribe(5, 1, [["t", 3]]));
        assert.ok(((await client.closingCode()) ?? 0) >= 0x80);
      },
    },
    {
      name: "reason codes are those of their packets, also for unknown identifiers",
      v5: ["3.4.2-1", "3.5.2-1", "3.6.2-1", "3.7.2-1", "3.9.3-2", "3.11.3-2", "3.14.2-1"],
      run: async (bench) => {
        const client = await bench.connect("client");
        // The strict reader knows which code may stand where.
        await publishFirst(bench, client);
        client.send(...provocations());
        assert.equal((await client.untilPong()).length, 7);
        for (const [type, code] of [
          [4, 1],
          [5, 0x92],
          [6, 0x10],
          [7, 0x80],
        ] as const) {
          const other = await bench.connect(`wrong ${type}`);
          other.send(frame((type << 4) | (type === 6 ? 2 : 0), u16(9), code));
          assert.equal(await other.closingCode(), 0x82);
        }
      },
    },
    {
      name: "a packet identifier is in use until its answer, and filters of many kinds fit one packet",
      v5: ["2.2.1-3"],
      run: async (bench) => {
        const client = await bench.connect("client");
        const topic = bench.topic("t");
        client.send(packets.subscribe(5, 9, [[topic, 1]]), packets.unsubscribe(5, 9, [topic]));
        for (const answer of await client.untilPong()) {
          assert.ok(answer.type === "suback" || answer.type === "unsuback");
          assert.equal(answer.packetId, 9);
          assert.ok([0, 1, 0x91].includes(answer.codes[0] ?? -1), `${answer.codes}`);
        }
        client.send(frame(0x82, u16(1), 0, text(topic), 0));
        await client.expect("suback");
      },
    },
  ],
};
