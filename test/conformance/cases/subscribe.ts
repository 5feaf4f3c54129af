import assert from "node:assert/strict";
import type { Chapter } from "../case.ts";
import { frame, text, u16 } from "../wire/bytes.ts";
import * as packets from "../wire/client-packets.ts";
import { propertiesOf } from "../wire/properties.ts";
import { refused } from "./refusals.ts";

export const subscribe: Chapter = {
  title: "SUBSCRIBE and UNSUBSCRIBE",
  cases: [
    {
      name: "SUBSCRIBE and UNSUBSCRIBE without a filter end the connection",
      v3: ["3.8.3-3", "3.10.3-2"],
      v5: ["3.8.3-2", "3.10.3-2"],
      run: async (bench) => {
        await refused(bench, packets.subscribe(bench.version, 1, []), [0x81, 0x82]);
        await refused(bench, packets.unsubscribe(bench.version, 1, []), [0x81, 0x82]);
      },
    },
    {
      name: "reserved subscription options, QoS 3 and Retain Handling 3 end the connection",
      v3: ["3-8.3-4"],
      v5: ["3.8.3-5"],
      run: async (bench) => {
        const { version } = bench;
        const wrong = bench.isMqtt5 ? [3, 0x30, 0x40, 0x80] : [3, 4, 8, 0x10, 0x20, 0x40, 0x80];
        for (const options of wrong) {
          await refused(bench, packets.subscribe(version, 1, [["t", options]]), [0x81, 0x82]);
        }
        // A filter without its options.
        const cut = frame(0x82, u16(1), bench.isMqtt5 ? [0] : [], text("t"));
        await refused(bench, cut, [0x81]);
      },
    },
    {
      name: "SUBACK has a code for each filter, in their order, with the granted QoS or an error",
      v3: ["3.8.4-1", "3.8.4-4", "3.8.4-5", "3.9.3-1", "3.9.3-2", "3.8.3-2"],
      v5: ["3.8.4-1", "3.8.4-5", "3.8.4-6", "3.8.4-7", "3.9.3-1", "3.9.3-2"],
      run: async (bench) => {
        const client = await bench.connect("client");
        const codes = await bench.subscribe(client, [
          [bench.topic("a"), 2],
          ["wrong/#/filter", 1],
          [bench.topic("+/b"), 0],
          ["also+wrong", 0],
          [bench.topic("#"), 1],
        ]);
        const bad = bench.isMqtt5 ? 0x8f : 0x80;
        assert.deepEqual(codes, [2, bad, 0, bad, 1]);
        // As if they had come one by one: each is live.
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic: bench.topic("x"), payload: "x", qos: 2 });
        assert.equal((await bench.receive(client, "x")).qos, 1);
      },
    },
    {
      name: "messages come at the lower of their QoS and the granted one",
      v3: ["3.8.4-6"],
      v5: ["3.8.4-8"],
      run: async (bench) => {
        const publisher = await bench.connect("publisher");
        for (const granted of [0, 1, 2]) {
          const topic = bench.topic(`granted/${granted}`);
          const name = `subscriber ${granted}`;
          const subscriber = await bench.subscriber(name, topic, { options: granted });
          for (const qos of [0, 1, 2]) {
            await bench.publish(publisher, { topic, payload: `${qos}`, qos });
            assert.equal((await bench.receive(subscriber, `${qos}`)).qos, Math.min(qos, granted));
          }
        }
      },
    },
    {
      name: "the same filter again replaces the subscription with all its options",
      v3: ["3.8.4-3"],
      v5: ["3.8.4-3"],
      run: async (bench) => {
        const topic = bench.topic("replaced");
        const publisher = await bench.connect("publisher");
        const subscriber = await bench.subscriber("subscriber", topic, { options: 2 });
        assert.deepEqual(await bench.subscribe(subscriber, [[topic, 1]]), [1]);
        await bench.publish(publisher, { topic, payload: "lower", qos: 2 });
        assert.equal((await bench.receive(subscriber, "lower")).qos, 1);
        assert.deepEqual(await subscriber.untilPong(), []);
        if (!bench.isMqtt5) return;
        await bench.subscribe(subscriber, [[topic, 2 | 8]], [["subscriptionIdentifier", 5]]);
        await bench.publish(publisher, { topic, payload: "new", qos: 1, retain: true });
        const { retain, properties } = await bench.receive(subscriber, "new");
        assert.equal(retain, true);
        assert.deepEqual(propertiesOf(properties, "subscriptionIdentifier"), [5]);
        assert.deepEqual(await subscriber.untilPong(), []);
      },
    },
    {
      name: "overlapping subscriptions deliver at the highest QoS",
      v3: ["3.3.5-1"],
      v5: ["3.3.4-2"],
      run: async (bench) => {
        const subscriber = await bench.connect("subscriber");
        await bench.subscribe(subscriber, [
          [bench.topic("+"), 1],
          [bench.topic("t"), 2],
          [bench.topic("#"), 0],
        ]);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic: bench.topic("t"), payload: "m", qos: 2 });
        await bench.publish(publisher, { topic: bench.topic("end"), payload: "end", qos: 1 });
        const levels: number[] = [];
        for (;;) {
          const message = await subscriber.expect("publish");
          if (message.payload.toString() === "end") break;
          levels.push(message.qos);
        }
        assert.equal(Math.max(...levels), 2);
      },
    },
    {
      name: "the identifiers of all matching subscriptions come with the message",
      v5: ["3.3.4-3", "3.3.4-4"],
      run: async (bench) => {
        const subscriber = await bench.connect("subscriber");
        for (const [filter, identifier] of [
          ["+", 1],
          ["t", 268_435_455],
          ["#", 0],
          ["other", 4],
        ] as const) {
          const properties =
            identifier === 0 ? [] : ([["subscriptionIdentifier", identifier]] as const);
          await bench.subscribe(subscriber, [[bench.topic(filter), 1]], properties);
        }
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic: bench.topic("t"), payload: "m", qos: 1 });
        const { properties } = await bench.receive(subscriber, "m");
        const identifiers = propertiesOf(properties, "subscriptionIdentifier") as number[];
        assert.deepEqual(
          identifiers.sort((one, other) => one - other),
          [1, 268_435_455],
        );
        assert.deepEqual(await subscriber.untilPong(), []);
        await refused(
          bench,
          packets.subscribe(5, 1, [["t", 0]], [["subscriptionIdentifier", 0]]),
          [0x82],
        );
      },
    },
    {
      name: "No Local keeps a client's own messages from it, and is an error on shared subscriptions",
      v5: ["3.8.3-3", "3.8.3-4"],
      run: async (bench) => {
        const topic = bench.topic("echo");
        const client = await bench.subscriber("client", topic, { options: 1 | 4 });
        const other = await bench.subscriber("other", topic, { options: 1 });
        await bench.publish(client, { topic, payload: "own", qos: 1 });
        await bench.receive(other, "own");
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic, payload: "foreign", qos: 1 });
        await bench.receive(other, "foreign");
        await bench.receive(client, "foreign");
        assert.deepEqual(await client.untilPong(), []);
        const shared = packets.subscribe(5, 1, [["$share/group/t", 1 | 4]]);
        await refused(bench, shared, [0x82]);
      },
    },
    {
      name: "UNSUBSCRIBE ends exactly the filters it names, and is answered in any case",
      v3: ["3.10.4-1", "3.10.4-2", "3.10.4-4", "3.10.4-5", "3.10.4-6"],
      v5: ["3.10.4-1", "3.10.4-2", "3.10.4-4", "3.10.4-5", "3.10.4-6", "3.11.3-1", "3.11.3-2"],
      run: async (bench) => {
        const [one, two] = [bench.topic("one"), bench.topic("two")];
        const subscriber = await bench.connect("subscriber");
        await bench.subscribe(subscriber, [
          [one, 1],
          [two, 1],
          [bench.topic("+/deep"), 1],
        ]);
        const codes = await bench.unsubscribe(subscriber, [one, bench.topic("#"), two]);
        assert.deepEqual(codes, bench.isMqtt5 ? [0, 0x11, 0] : []);
        // Matches the filter that is left, and is not it.
        const other = await bench.unsubscribe(subscriber, [bench.topic("a/deep")]);
        assert.deepEqual(other, bench.isMqtt5 ? [0x11] : []);
        const publisher = await bench.connect("publisher");
        for (const topic of [one, two, bench.topic("a/deep")]) {
          await bench.publish(publisher, { topic, payload: topic, qos: 1 });
        }
        await bench.receive(subscriber, bench.topic("a/deep"));
        assert.deepEqual(await subscriber.untilPong(), []);
      },
    },
    {
      name: "UNSUBSCRIBE lets a delivery end that has begun",
      v3: ["3.10.4-3"],
      v5: ["3.10.4-3"],
      run: async (bench) => {
        const topic = bench.topic("begun");
        const subscriber = await bench.connect("subscriber", { ...bench.lasting(), node: 0 });
        await bench.subscribe(subscriber, [[topic, 2]]);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic, payload: "begun", qos: 2 });
        const { packetId } = await subscriber.expectMessage("begun");
        await bench.unsubscribe(subscriber, [topic]);
        subscriber.drop();
        const again = await bench.connect("subscriber", { ...bench.lasting(), node: 1 });
        const repeated = await bench.receive(again, "begun");
        assert.deepEqual([repeated.packetId, repeated.dup], [packetId, true]);
      },
    },
    {
      name: "PINGREQ is answered",
      v3: ["3.12.4-1"],
      v5: ["3.12.4-1"],
      run: async (bench) => {
        const client = await bench.connect("client");
        client.send(packets.pingreq, packets.pingreq);
        await client.expect("pingresp");
        await client.expect("pingresp");
      },
    },
  ],
};
