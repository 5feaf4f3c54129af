import assert from "node:assert/strict";
import type { Bench } from "../bench.ts";
import type { Chapter } from "../case.ts";
import type { TestClient } from "../client.ts";
import type { WillFields } from "../wire/client-packets.ts";
import * as packets from "../wire/client-packets.ts";
import { propertiesOf, propertyOf } from "../wire/properties.ts";

interface Mourners {
  readonly topic: string;
  readonly subscriber: TestClient;
  /** On the node of the client with the Will, so that its messages come behind those of the node. */
  readonly publisher: TestClient;
}

/** Somebody who hears of the Will, and somebody whose message shows that none came. */
async function mourners(bench: Bench, options = 10): Promise<Mourners> {
  const topic = bench.topic("will");
  const node = bench.isMqtt5 ? options : 2;
  const subscriber = await bench.subscriber("mourner", topic, { options: node, node: 1 });
  return { topic, subscriber, publisher: await bench.connect("publisher", { node: 0 }) };
}

/** No Will came before this message. */
async function expectNone(bench: Bench, { topic, subscriber, publisher }: Mourners): Promise<void> {
  await bench.publish(publisher, { topic, payload: "none came", qos: 1 });
  await bench.receive(subscriber, "none came");
}

async function mortal(bench: Bench, will: WillFields, seconds = 0): Promise<TestClient> {
  const session = seconds > 0 ? bench.lasting(seconds) : {};
  return bench.connect("mortal", { will, ...session, node: 0 });
}

export const will: Chapter = {
  title: "Wills",
  cases: [
    {
      name: "the Will is published when the network fails, with its QoS and payload",
      v3: ["3.1.2-8", "3.1.2-9", "3.1.2-14", "3.1.3-1"],
      v5: ["3.1.2-7", "3.1.2-8", "3.1.2-9", "3.1.2-12", "3.1.3-1"],
      run: async (bench) => {
        const { topic, subscriber } = await mourners(bench);
        for (const qos of [0, 1, 2]) {
          const payload = `farewell ${qos}`;
          const client = await bench.connect("mortal", {
            will: { topic, payload, qos },
            username: "user",
            password: Buffer.from("pencil"),
          });
          client.drop();
          const message = await bench.receive(subscriber, payload);
          assert.deepEqual([message.qos, message.retain], [qos, false]);
        }
      },
    },
    {
      name: "a protocol error of the client and a takeover publish the Will too",
      v3: ["3.1.2-8"],
      v5: ["3.1.2-8"],
      run: async (bench) => {
        const { topic, subscriber } = await mourners(bench);
        const client = await mortal(bench, { topic, payload: "violated", qos: 1 });
        client.send(Buffer.from([0x00, 0x00]));
        await client.untilClosed();
        await bench.receive(subscriber, "violated");
        await mortal(bench, { topic, payload: "taken over", qos: 1 });
        await bench.connect("mortal", { node: 2 });
        await bench.receive(subscriber, "taken over");
      },
    },
    {
      name: "a DISCONNECT discards the Will, and it stays discarded",
      v3: ["3.14.4-3", "3.1.2-10"],
      v5: ["3.14.4-3", "3.1.2-10"],
      run: async (bench) => {
        const around = await mourners(bench);
        const client = await mortal(bench, { topic: around.topic, payload: "no", qos: 1 }, 300);
        await bench.disconnect(client);
        await expectNone(bench, around);
        const again = await bench.connect("mortal", { ...bench.lasting(), node: 0 });
        again.send(Buffer.from([0x00, 0x00]));
        await again.untilClosed();
        await expectNone(bench, around);
      },
    },
    {
      name: "a Will is published once",
      v3: ["3.1.2-10"],
      v5: ["3.1.2-10"],
      run: async (bench) => {
        const around = await mourners(bench);
        const client = await mortal(bench, { topic: around.topic, payload: "once", qos: 1 }, 300);
        client.drop();
        await bench.receive(around.subscriber, "once");
        const again = await bench.connect("mortal", { ...bench.lasting(), node: 0 });
        again.send(Buffer.from([0x00, 0x00]));
        await again.untilClosed();
        await expectNone(bench, around);
      },
    },
    {
      name: "without a Will nothing is published",
      v3: ["3.1.2-12"],
      run: async (bench) => {
        const around = await mourners(bench);
        const client = await bench.connect("mortal", { node: 0 });
        client.send(Buffer.from([0x00, 0x00]));
        await client.untilClosed();
        await expectNone(bench, around);
      },
    },
    {
      name: "Will Retain decides whether the Will is retained",
      v3: ["3.1.2-16", "3.1.2-17"],
      v5: ["3.1.2-14", "3.1.2-15"],
      run: async (bench) => {
        const { topic, subscriber } = await mourners(bench);
        for (const retain of [false, true]) {
          const payload = retain ? "retained" : "passing";
          (await mortal(bench, { topic, payload, qos: 1, retain })).drop();
          await bench.receive(subscriber, payload);
          const late = await bench.subscriber(`late ${payload}`, topic);
          if (retain) assert.equal((await late.expectMessage(payload)).retain, true);
          else assert.deepEqual(await late.untilPong(), []);
        }
      },
    },
    {
      name: "DISCONNECT 0x04 asks for the Will",
      v5: ["3.1.2-8"],
      run: async (bench) => {
        const { topic, subscriber } = await mourners(bench);
        const client = await mortal(bench, { topic, payload: "on request", qos: 1 });
        await bench.disconnect(client, 0x04);
        await bench.receive(subscriber, "on request");
      },
    },
    {
      name: "the properties of a Will travel, User Properties in their order",
      v5: ["3.1.3-10", "3.1.2-9", "3.3.2-18"],
      run: async (bench) => {
        const { topic, subscriber } = await mourners(bench);
        const pairs = [
          ["b", "1"],
          ["10", "x"],
          ["2", "x"],
          ["b", "2"],
          ["a", ""],
        ] as const;
        const client = await mortal(bench, {
          topic,
          payload: "with properties",
          properties: [
            ["contentType", "text/plain"],
            ["correlationData", Buffer.from([0, 1])],
            ["responseTopic", "answer"],
            ["payloadFormatIndicator", 1],
            ...pairs.map((pair) => ["userProperty", pair] as const),
          ],
        });
        client.drop();
        const { properties } = await bench.receive(subscriber, "with properties");
        assert.deepEqual(propertiesOf(properties, "userProperty"), pairs);
        assert.equal(propertyOf(properties, "contentType"), "text/plain");
        assert.deepEqual(propertyOf(properties, "correlationData"), Buffer.from([0, 1]));
        assert.equal(propertyOf(properties, "responseTopic"), "answer");
        assert.equal(propertyOf(properties, "payloadFormatIndicator"), 1);
        assert.equal(propertyOf(properties, "willDelayInterval"), undefined);
      },
    },
    {
      name: "a delayed Will waits, and a client that comes back in time has none",
      v5: ["3.1.2-8", "3.1.3-9"],
      isSlow: true,
      run: async (bench) => {
        const around = await mourners(bench);
        const delayed = (payload: string): WillFields => ({
          topic: around.topic,
          payload,
          qos: 1,
          properties: [["willDelayInterval", 1]],
        });
        (await mortal(bench, delayed("not this"), 300)).drop();
        const back = await bench.connect("mortal", { ...bench.lasting(), node: 2 });
        assert.equal(back.connack?.sessionPresent, true);
        await bench.elapse(2000);
        await expectNone(bench, around);
        await bench.disconnect(back);
        const startedAtMs = performance.now();
        (await mortal(bench, delayed("late"), 300)).drop();
        await bench.receive(around.subscriber, "late");
        assert.ok(performance.now() - startedAtMs >= 1000, "published before the delay was over");
      },
    },
    {
      name: "a delayed Will is published when the session ends",
      v5: ["3.1.2-8"],
      run: async (bench) => {
        const { topic, subscriber } = await mourners(bench);
        const properties = [["willDelayInterval", 600]] as const;
        (await mortal(bench, { topic, payload: "with its end", qos: 1, properties })).drop();
        await bench.receive(subscriber, "with its end");
        const lasting = await mortal(
          bench,
          { topic, payload: "discarded", qos: 1, properties },
          300,
        );
        lasting.drop();
        // A clean start ends the session that was to last.
        await bench.connect("mortal", { node: 2 });
        await bench.receive(subscriber, "discarded");
      },
    },
    {
      name: "the QoS of a Will is not above 2, nor its topic a filter",
      v3: ["3.1.2-14"],
      v5: ["3.1.2-12", "3.1.4-1"],
      run: async (bench) => {
        for (const topic of ["a/+", "#", ""]) {
          const client = await bench.open("mortal");
          client.send(packets.connect(bench.version, { clientId: "mortal", will: { topic } }));
          const answers = await client.untilClosed();
          assert.ok(answers.every((answer) => answer.type === "connack" && answer.code !== 0));
        }
      },
    },
  ],
};
