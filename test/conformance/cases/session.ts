import assert from "node:assert/strict";
import type { Bench } from "../bench.ts";
import type { Chapter } from "../case.ts";
import type { TestClient } from "../client.ts";
import * as packets from "../wire/client-packets.ts";
import { propertyOf } from "../wire/properties.ts";

/** A session with one subscription on the first node, its client away. */
async function asleep(bench: Bench, topic: string, seconds?: number): Promise<void> {
  const sleeper = await bench.connect("sleeper", { ...bench.lasting(seconds), node: 0 });
  await bench.subscribe(sleeper, [[topic, 2]]);
  await bench.disconnect(sleeper);
}

/** Publishes and waits until the first node has it, where a witness is subscribed as well. */
async function publishedTo(
  bench: Bench,
  topic: string,
  messages: readonly (readonly [payload: string, qos: number])[],
): Promise<void> {
  const witness = await bench.subscriber("witness", topic, { node: 0 });
  const publisher = await bench.connect("publisher", { node: 1 });
  for (const [payload, qos] of messages) {
    await bench.publish(publisher, { topic, payload, qos });
    await bench.receive(witness, payload);
  }
}

async function resumed(bench: Bench, node = 2): Promise<TestClient> {
  return bench.connect("sleeper", { ...bench.lasting(), node });
}

export const session: Chapter = {
  title: "Sessions",
  cases: [
    {
      name: "a clean start discards the session",
      v3: ["3.1.2-6", "3.2.2-1", "3.1.4-3"],
      v5: ["3.1.2-4", "3.2.2-2", "3.1.4-4"],
      run: async (bench) => {
        const topic = bench.topic("cleared");
        await asleep(bench, topic);
        await publishedTo(bench, topic, [["while away", 1]]);
        const clean = await bench.connect("sleeper", { clean: true, node: 2 });
        assert.equal(clean.connack?.sessionPresent, false);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic, payload: "unsubscribed", qos: 1 });
        assert.deepEqual(await clean.untilPong(), []);
        // And it is gone for good.
        await bench.disconnect(clean);
        assert.equal((await resumed(bench)).connack?.sessionPresent, false);
      },
    },
    {
      name: "a session goes on where it was: subscriptions, and the QoS 1 and 2 messages since",
      v3: ["3.1.2-4", "3.1.2-5", "3.2.2-2", "4.1.0-1", "4.5.0-1"],
      v5: ["3.1.2-5", "3.1.2-23", "3.2.2-3", "4.5.0-1"],
      run: async (bench) => {
        const topic = bench.topic("kept");
        await asleep(bench, topic);
        await publishedTo(bench, topic, [
          ["one", 1],
          ["two", 2],
        ]);
        const client = await resumed(bench);
        assert.equal(client.connack?.sessionPresent, true);
        assert.equal((await bench.receive(client, "one")).qos, 1);
        assert.equal((await bench.receive(client, "two")).qos, 2);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic, payload: "three", qos: 2 });
        await bench.receive(client, "three");
      },
    },
    {
      name: "without a session a new one begins",
      v3: ["3.1.2-4", "3.2.2-3"],
      v5: ["3.1.2-6", "3.2.2-3"],
      run: async (bench) => {
        const topic = bench.topic("new");
        const client = await bench.connect("sleeper", bench.lasting());
        assert.equal(client.connack?.sessionPresent, false);
        await bench.subscribe(client, [[topic, 1]]);
        await bench.disconnect(client);
        assert.equal((await resumed(bench)).connack?.sessionPresent, true);
      },
    },
    {
      name: "a session that ends with its connection leaves nothing",
      v3: ["3.1.2-6"],
      v5: ["4.1.0-2"],
      run: async (bench) => {
        const topic = bench.topic("short");
        const client = await bench.subscriber("sleeper", topic, { node: 0 });
        await bench.disconnect(client);
        assert.equal((await resumed(bench)).connack?.sessionPresent, false);
      },
    },
    {
      name: "DISCONNECT changes how long the session lasts, but not from nothing to something",
      v5: ["4.1.0-2", "3.1.2-23"],
      run: async (bench) => {
        const first = await bench.connect("sleeper", bench.lasting());
        await bench.disconnect(first, 0, [["sessionExpiryInterval", 0]]);
        const second = await bench.connect("sleeper", bench.lasting());
        assert.equal(second.connack?.sessionPresent, false);
        await bench.disconnect(second, 0, [["sessionExpiryInterval", 200]]);
        const third = await bench.connect("sleeper", { clean: false });
        assert.equal(third.connack?.sessionPresent, true);
        // Section 3.14.2.2.2
        third.send(packets.disconnect(5, 0, [["sessionExpiryInterval", 10]]));
        assert.equal(await third.closingCode(), 0x82);
      },
    },
    {
      name: "a session outlives its expiry interval while connected, and ends when it passed",
      v3: ["4.1.0-2"],
      v5: ["4.1.0-1", "4.1.0-2"],
      isSlow: true,
      run: async (bench) => {
        const topic = bench.topic("expires");
        const client = await bench.connect("sleeper", { ...bench.lasting(1), node: 0 });
        await bench.subscribe(client, [[topic, 1]]);
        await bench.elapse(1600);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic, payload: "still here", qos: 1 });
        await bench.receive(client, "still here");
        if (!bench.isMqtt5) return;
        await bench.disconnect(client);
        await bench.elapse(1600);
        assert.equal((await resumed(bench)).connack?.sessionPresent, false);
      },
    },
    {
      name: "a longer Session Expiry Interval than the server's is cut, and the client told",
      v5: ["3.1.2-23"],
      run: async (bench) => {
        const client = await bench.connect("sleeper", bench.lasting(0xffff_ffff));
        const told = propertyOf(client.connack?.properties ?? [], "sessionExpiryInterval");
        assert.ok(told === undefined || (typeof told === "number" && told > 0));
        await bench.disconnect(client);
        assert.equal((await resumed(bench)).connack?.sessionPresent, true);
      },
    },
    {
      name: "retained messages are not part of the session",
      v3: ["3.1.2-7"],
      run: async (bench) => {
        const topic = bench.topic("stays");
        const publisher = await bench.connect("sleeper");
        await bench.publish(publisher, { topic, payload: "stays", qos: 1, retain: true });
        await bench.disconnect(publisher);
        await bench.disconnect(await bench.connect("sleeper"));
        const subscriber = await bench.subscriber("subscriber", topic);
        await bench.receive(subscriber, "stays");
      },
    },
    {
      name: "what was not acknowledged is sent again: same identifiers, same order, DUP",
      v3: ["3.3.1-1", "4.4.0-1", "4.3.2-1", "4.3.3-1", "4.6.0-6"],
      v5: ["3.3.1-1", "4.4.0-1", "4.3.2-3", "4.3.3-3"],
      run: async (bench) => {
        const topic = bench.topic("again");
        const client = await bench.connect("sleeper", { ...bench.lasting(), node: 0 });
        await bench.subscribe(client, [[topic, 2]]);
        const publisher = await bench.connect("publisher");
        const sent: string[] = [];
        for (let number = 0; number < 8; number++) {
          const qos = 1 + (number % 2);
          await bench.publish(publisher, { topic, payload: `${number}`, qos });
          const message = await client.expectMessage(`${number}`);
          assert.deepEqual([message.dup, message.qos], [false, qos]);
          sent.push(`${number} ${message.packetId} ${qos}`);
        }
        client.drop();
        const again = await resumed(bench);
        const repeated: string[] = [];
        for (let number = 0; number < 8; number++) {
          const { payload, packetId, qos, dup } = await again.expect("publish");
          assert.equal(dup, true);
          repeated.push(`${payload} ${packetId} ${qos}`);
        }
        assert.deepEqual(repeated, sent);
      },
    },
    {
      name: "PUBREL is sent again until PUBCOMP, and its PUBLISH never again",
      v3: ["4.3.3-1", "4.4.0-1", "2.3.1-6"],
      v5: ["4.3.3-4", "4.3.3-5", "4.3.3-6", "4.4.0-1"],
      run: async (bench) => {
        const topic = bench.topic("released");
        const client = await bench.connect("sleeper", { ...bench.lasting(), node: 0 });
        await bench.subscribe(client, [[topic, 2]]);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic, payload: "exactly once", qos: 2 });
        const { packetId } = await client.expectMessage("exactly once");
        client.send(packets.ack(5, packetId));
        assert.equal((await client.expect("pubrel")).packetId, packetId);
        client.drop();
        const again = await resumed(bench);
        assert.equal((await again.expect("pubrel")).packetId, packetId);
        again.send(packets.ack(7, packetId));
        assert.deepEqual(await again.untilPong(), []);
        again.drop();
        // Another node may repeat the PUBREL once more, as long as the log does not know of the PUBCOMP; never the PUBLISH.
        for (;;) {
          const later = await resumed(bench, 1);
          const answers = await later.untilPong();
          for (const answer of answers) {
            assert.deepEqual([answer.type, packetId], ["pubrel", packetId]);
            later.send(packets.ack(7, packetId));
          }
          await later.untilPong();
          later.drop();
          if (answers.length === 0) break;
        }
      },
    },
    {
      name: "nothing is sent again while the connection lasts",
      v5: ["4.4.0-1"],
      isSlow: true,
      run: async (bench) => {
        const topic = bench.topic("patience");
        const subscriber = await bench.subscriber("subscriber", topic);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic, payload: "once", qos: 1 });
        await subscriber.expectMessage("once");
        await bench.elapse(2000);
        assert.deepEqual(await subscriber.untilPong(), []);
      },
    },
    {
      name: "QoS 2 from the client stays exactly once across connections",
      v3: ["4.3.3-2", "4.4.0-1", "4.1.0-1"],
      v5: ["4.3.3-10", "4.3.3-11", "4.1.0-1"],
      run: async (bench) => {
        const topic = bench.topic("once");
        const subscriber = await bench.subscriber("subscriber", topic);
        const first = await bench.connect("sleeper", { ...bench.lasting(), node: 0 });
        const fields = { topic, payload: "once", qos: 2, packetId: 9 };
        first.send(packets.publish(bench.version, fields));
        await first.expect("pubrec");
        await bench.receive(subscriber, "once");
        first.drop();
        const again = await resumed(bench, 1);
        again.send(packets.publish(bench.version, { ...fields, dup: true }));
        assert.equal((await again.expect("pubrec")).packetId, 9);
        again.send(packets.ack(6, 9));
        assert.equal((await again.expect("pubcomp")).packetId, 9);
        await bench.publish(again, { topic, payload: "marker", qos: 1 });
        await bench.receive(subscriber, "marker");
      },
    },
    {
      name: "an acknowledgement with an error ends the delivery",
      v5: ["4.4.0-2", "4.3.3-9"],
      run: async (bench) => {
        const topic = bench.topic("unwanted");
        const client = await bench.connect("sleeper", { ...bench.lasting(), node: 0 });
        await bench.subscribe(client, [[topic, 2]]);
        const publisher = await bench.connect("publisher");
        for (const qos of [1, 2]) {
          await bench.publish(publisher, { topic, payload: `${qos}`, qos });
          const { packetId } = await client.expectMessage(`${qos}`);
          client.send(packets.ack(qos === 1 ? 4 : 5, packetId, 0x80));
        }
        assert.deepEqual(await client.untilPong(), []);
        client.drop();
        assert.deepEqual(await (await resumed(bench)).untilPong(), []);
      },
    },
  ],
};
