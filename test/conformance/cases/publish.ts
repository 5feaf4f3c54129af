import assert from "node:assert/strict";
import type { Chapter } from "../case.ts";
import * as packets from "../wire/client-packets.ts";
import { propertiesOf, propertyOf } from "../wire/properties.ts";
import { refused } from "./refusals.ts";

export const publish: Chapter = {
  title: "PUBLISH",
  cases: [
    {
      name: "each QoS is answered as it must be, and reaches the subscriber at its QoS",
      v3: ["3.3.4-1", "4.3.1-1", "4.3.2-1", "4.3.3-1"],
      v5: ["3.3.4-1", "4.3.1-1", "4.3.2-2", "4.3.3-2", "3.4.2-1", "3.5.2-1"],
      run: async (bench) => {
        const topic = bench.topic("qos");
        const subscriber = await bench.subscriber("subscriber", topic);
        const publisher = await bench.connect("publisher");
        for (const qos of [0, 1, 2]) {
          // A subscriber is there: neither an error nor "no matching subscribers".
          assert.equal(await bench.publish(publisher, { topic, payload: `${qos}`, qos }), 0);
          const message = await bench.receive(subscriber, `${qos}`);
          assert.deepEqual([message.qos, message.dup], [qos, false]);
        }
        assert.deepEqual(await publisher.untilPong(), []);
      },
    },
    {
      name: "QoS 3, and DUP at QoS 0, end the connection",
      v3: ["3.3.1-2", "3.3.1-4"],
      v5: ["3.3.1-2", "3.3.1-4"],
      run: async (bench) => {
        const { version } = bench;
        await refused(bench, packets.publish(version, { topic: "t", qos: 3, packetId: 1 }), [0x81]);
        await refused(bench, packets.publish(version, { topic: "t", dup: true }), [0x81, 0x82]);
      },
    },
    {
      name: "the DUP of a publisher does not reach the subscriber",
      v3: ["3.3.1-3"],
      v5: ["3.3.1-3"],
      run: async (bench) => {
        const topic = bench.topic("dup");
        const subscriber = await bench.subscriber("subscriber", topic);
        const publisher = await bench.connect("publisher");
        for (const qos of [1, 2]) {
          await bench.publish(publisher, { topic, payload: `${qos}`, qos, dup: true });
          assert.equal((await bench.receive(subscriber, `${qos}`)).dup, false);
        }
      },
    },
    {
      name: "after PUBACK the same identifier is a new message, with or without DUP",
      v3: ["4.3.2-2"],
      v5: ["4.3.2-5", "4.3.2-4"],
      run: async (bench) => {
        const topic = bench.topic("reused");
        const subscriber = await bench.subscriber("subscriber", topic);
        const publisher = await bench.connect("publisher");
        for (const dup of [false, true, false]) {
          await bench.publish(publisher, { topic, payload: "again", qos: 1, packetId: 7, dup });
          await bench.receive(subscriber, "again");
        }
      },
    },
    {
      name: "a QoS 2 message is delivered once until PUBREL, after PUBCOMP its identifier is free",
      v3: ["4.3.3-2"],
      v5: ["4.3.3-10", "4.3.3-12"],
      run: async (bench) => {
        const topic = bench.topic("exactly");
        const subscriber = await bench.subscriber("subscriber", topic, { options: 1 });
        const publisher = await bench.connect("publisher");
        const fields = { topic, payload: "first", qos: 2, packetId: 7 };
        for (const dup of [false, true, true]) {
          publisher.send(packets.publish(bench.version, { ...fields, dup }));
          assert.equal((await publisher.expect("pubrec")).packetId, 7);
        }
        publisher.send(packets.ack(6, 7));
        await publisher.expect("pubcomp");
        await bench.publish(publisher, { ...fields, payload: "second" });
        await bench.receive(subscriber, "first");
        await bench.receive(subscriber, "second");
      },
    },
    {
      name: "PUBREL is sent for PUBREC, with the identifier of the PUBLISH",
      v3: ["4.3.3-1"],
      v5: ["4.3.3-4", "3.6.2-1", "3.7.2-1"],
      run: async (bench) => {
        const topic = bench.topic("release");
        const subscriber = await bench.subscriber("subscriber", topic);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic, payload: "m", qos: 2 });
        const { packetId } = await subscriber.expectMessage("m");
        subscriber.send(packets.ack(5, packetId));
        const release = await subscriber.expect("pubrel");
        assert.deepEqual([release.packetId, release.code], [packetId, 0]);
        subscriber.send(packets.ack(7, packetId));
        assert.deepEqual(await subscriber.untilPong(), []);
        // An identifier that is not in use: the exchange is completed all the same.
        subscriber.send(packets.ack(6, 4711));
        const unknown = await subscriber.expect("pubcomp");
        assert.deepEqual([unknown.packetId, unknown.code], [4711, bench.isMqtt5 ? 0x92 : 0]);
      },
    },
    {
      name: "a refused QoS 2 message ends its exchange with PUBREC",
      v5: ["4.3.3-9", "3.5.2-1"],
      run: async (bench) => {
        const topic = bench.topic("allowed");
        const subscriber = await bench.subscriber("subscriber", topic);
        const publisher = await bench.connect("publisher");
        const code = await bench.publish(publisher, { topic: "$SYS/x", qos: 2, packetId: 7 });
        assert.ok(code >= 0x80, `PUBREC with ${code}`);
        await bench.publish(publisher, { topic, payload: "new", qos: 2, packetId: 7 });
        await bench.receive(subscriber, "new");
      },
    },
    {
      name: "a PUBLISH that is not allowed is acknowledged or ends the connection",
      v3: ["3.3.5-2"],
      run: async (bench) => {
        const publisher = await bench.connect("publisher");
        publisher.send(packets.publish(4, { topic: "$SYS/broker/x", qos: 1, packetId: 3 }));
        // Acknowledged, or closed: then `expect` throws.
        const answer = await publisher.expect("puback").catch(() => publisher.untilClosed());
        assert.ok(Array.isArray(answer) || answer.packetId === 3);
      },
    },
    {
      name: "the topic name is at least one character, without wildcards",
      v3: ["3.3.2-2", "4.7.1-1", "4.7.3-1"],
      v5: ["3.3.2-1", "3.3.2-2", "4.7.0-1", "4.7.3-1"],
      run: async (bench) => {
        for (const topic of ["", "#", "a/#", "+", "a/+/b", "a+", "b#"]) {
          const bytes = packets.publish(bench.version, { topic });
          await refused(bench, bytes, topic === "" ? [0x82, 0x81] : [0x90, 0x81]);
        }
      },
    },
    {
      name: "the topic name on the way out is the published one, and matches the filter",
      v3: ["3.3.2-3"],
      v5: ["3.3.2-3", "3.3.2-1"],
      run: async (bench) => {
        const subscriber = await bench.subscriber("subscriber", bench.topic("+/b/#"));
        const publisher = await bench.connect("publisher");
        for (const name of ["a/b", "other", "a/b/c/d", "/b", "a/c", "ä/b/€"]) {
          await bench.publish(publisher, { topic: bench.topic(name), payload: name, qos: 1 });
        }
        for (const name of ["a/b", "a/b/c/d", "/b", "ä/b/€"]) {
          assert.equal((await bench.receive(subscriber, name)).topic, bench.topic(name));
        }
        assert.deepEqual(await subscriber.untilPong(), []);
      },
    },
    {
      name: "the properties of a message reach every subscriber unaltered, User Properties in order",
      v5: ["3.3.2-4", "3.3.2-15", "3.3.2-16", "3.3.2-17", "3.3.2-18", "3.3.2-20"],
      run: async (bench) => {
        const topic = bench.topic("properties");
        const subscribers = [];
        for (const name of ["one", "two", "three"]) {
          subscribers.push(await bench.subscriber(name, topic));
        }
        const publisher = await bench.connect("publisher");
        const pairs = [
          ["z", "1"],
          ["10", "ten"],
          ["9", "nine"],
          ["z", "2"],
          ["", ""],
          ["__proto__", "x"],
          ["z", "1"],
        ] as const;
        for (const indicator of [0, 1]) {
          await bench.publish(publisher, {
            topic,
            payload: "payload",
            qos: 1,
            retain: true,
            properties: [
              ["userProperty", pairs[0]],
              ["payloadFormatIndicator", indicator],
              ["correlationData", Buffer.from([0, 255, 1])],
              ["responseTopic", "answer/größe"],
              ["contentType", "text/plain; charset=utf-8"],
              ...pairs.slice(1).map((pair) => ["userProperty", pair] as const),
            ],
          });
          const late = await bench.subscriber(`late ${indicator}`, topic);
          for (const subscriber of [...subscribers, late]) {
            const { properties } = await bench.receive(subscriber, "payload");
            assert.equal(propertyOf(properties, "payloadFormatIndicator"), indicator);
            const correlation = propertyOf(properties, "correlationData");
            assert.deepEqual(correlation, Buffer.from([0, 255, 1]));
            assert.equal(propertyOf(properties, "responseTopic"), "answer/größe");
            assert.equal(propertyOf(properties, "contentType"), "text/plain; charset=utf-8");
            assert.deepEqual(propertiesOf(properties, "userProperty"), pairs);
          }
        }
      },
    },
    {
      name: "what a client must not put into a PUBLISH ends the connection",
      v5: ["3.3.2-8", "3.3.2-9", "3.3.2-14", "3.3.4-6", "3.2.2-17"],
      run: async (bench) => {
        const client = await bench.connect("asks");
        const told = propertyOf(client.connack?.properties ?? [], "topicAliasMaximum") ?? 0;
        assert.ok(typeof told === "number");
        const wrong = [
          [[["topicAlias", 0]], [0x94]],
          [[["topicAlias", told + 1]], [0x94]],
          [[["responseTopic", "a/+"]], [0x82]],
          [[["responseTopic", "#"]], [0x82]],
          [[["subscriptionIdentifier", 1]], [0x81, 0x82]],
        ] as const;
        for (const [properties, codes] of wrong) {
          await refused(bench, packets.publish(5, { topic: "t", properties }), codes);
        }
      },
    },
    {
      name: "topic aliases of the client: all up to the maximum, and none from the last connection",
      v5: ["3.3.2-7", "3.3.2-12"],
      run: async (bench) => {
        const subscriber = await bench.subscriber("subscriber", bench.topic("#"));
        const publisher = await bench.connect("publisher", bench.lasting());
        const properties = publisher.connack?.properties ?? [];
        const maximum = (propertyOf(properties, "topicAliasMaximum") ?? 0) as number;
        for (let alias = 1; alias <= maximum; alias++) {
          const topic = bench.topic(`${alias}`);
          for (const name of [topic, ""]) {
            publisher.send(
              packets.publish(5, { topic: name, properties: [["topicAlias", alias]] }),
            );
            assert.equal((await subscriber.expect("publish")).topic, topic);
          }
        }
        publisher.drop();
        const again = await bench.connect("publisher", bench.lasting());
        again.send(packets.publish(5, { topic: "", properties: [["topicAlias", 1]] }));
        const code = await again.closingCode();
        assert.ok(code !== null && code >= 0x80);
        assert.deepEqual(await subscriber.untilPong(), []);
      },
    },
    {
      name: "topic aliases of the server: within the client's maximum, none without it",
      v5: ["3.1.2-26", "3.1.2-27", "3.3.2-8", "3.3.2-11"],
      run: async (bench) => {
        const publisher = await bench.connect("publisher");
        for (const maximum of [2, 0, null]) {
          const properties = maximum === null ? [] : ([["topicAliasMaximum", maximum]] as const);
          const subscriber = await bench.connect(`with ${maximum}`, { properties });
          await bench.subscribe(subscriber, [[bench.topic("#"), 1]]);
          const topics = new Map<number, string>();
          for (const name of ["a", "b", "c", "a", "b", "c", "a"]) {
            await bench.publish(publisher, { topic: bench.topic(name), payload: name, qos: 1 });
            const message = await bench.receive(subscriber, name);
            const alias = propertyOf(message.properties, "topicAlias") as number | undefined;
            if (alias !== undefined) {
              assert.ok(alias >= 1 && alias <= (maximum ?? 0), `alias ${alias} of ${maximum}`);
              if (message.topic !== "") topics.set(alias, message.topic);
            }
            const topic = message.topic === "" ? topics.get(alias ?? 0) : message.topic;
            assert.equal(topic, bench.topic(name));
          }
          await bench.disconnect(subscriber);
        }
      },
    },
    {
      name: "the Message Expiry Interval goes down while a message waits, and then it is gone",
      v5: ["3.3.2-5", "3.3.2-6"],
      isSlow: true,
      run: async (bench) => {
        const topic = bench.topic("expiring");
        const sleeper = await bench.connect("sleeper", { ...bench.lasting(), node: 0 });
        await bench.subscribe(sleeper, [[topic, 1]]);
        await bench.disconnect(sleeper);
        const publisher = await bench.connect("publisher", { node: 1 });
        for (const seconds of [1, 60]) {
          const properties = [["messageExpiryInterval", seconds]] as const;
          await bench.publish(publisher, { topic, payload: `${seconds}`, qos: 1, properties });
        }
        const retain = { topic: bench.topic("kept"), payload: "60", qos: 1, retain: true };
        await bench.publish(publisher, { ...retain, properties: [["messageExpiryInterval", 60]] });
        await bench.elapse(2100);
        const again = await bench.connect("sleeper", { ...bench.lasting(), node: 2 });
        const late = await bench.subscriber("late", bench.topic("kept"));
        for (const client of [again, late]) {
          const { properties } = await bench.receive(client, "60");
          const left = propertyOf(properties, "messageExpiryInterval") as number;
          assert.ok(left >= 50 && left <= 58, `${left} s left`);
          assert.deepEqual(await client.untilPong(), []);
        }
      },
    },
    {
      name: "expiry does not touch a QoS 2 exchange that has begun, in either direction",
      v5: ["4.3.3-7", "4.3.3-13"],
      isSlow: true,
      run: async (bench) => {
        const topic = bench.topic("begun");
        const sleeper = await bench.connect("sleeper", { ...bench.lasting(), node: 0 });
        await bench.subscribe(sleeper, [[topic, 2]]);
        const publisher = await bench.connect("publisher");
        const properties = [["messageExpiryInterval", 1]] as const;
        const fields = { topic, payload: "begun", qos: 2, packetId: 5, properties };
        publisher.send(packets.publish(5, fields));
        await publisher.expect("pubrec");
        const { packetId } = await sleeper.expectMessage("begun");
        sleeper.drop();
        await bench.elapse(1600);
        publisher.send(packets.ack(6, 5));
        await publisher.expect("pubcomp");
        const again = await bench.connect("sleeper", { ...bench.lasting(), node: 2 });
        const repeated = await bench.receive(again, "begun");
        assert.deepEqual([repeated.packetId, repeated.dup], [packetId, true]);
      },
    },
    {
      name: "messages of one client on one topic stay in order, at every QoS",
      v3: ["4.6.0-5", "4.6.0-6"],
      v5: ["4.6.0-5", "4.6.0-6"],
      run: async (bench) => {
        const topic = bench.topic("ordered");
        const subscriber = await bench.subscriber("subscriber", topic);
        const publisher = await bench.connect("publisher");
        for (const qos of [0, 1, 2]) {
          const count = 150;
          const all = Array.from({ length: count }, (_, number) =>
            packets.publish(bench.version, {
              topic,
              payload: `${number}`,
              qos,
              packetId: number + 1,
            }),
          );
          publisher.send(...all);
          for (let number = 0; number < count; number++) {
            await subscriber.expectMessage(`${number}`);
            if (qos === 1) await publisher.expect("puback");
            if (qos === 2) await publisher.expect("pubrec");
          }
          if (qos === 2) {
            for (let packetId = 1; packetId <= count; packetId++) {
              publisher.send(packets.ack(6, packetId));
              await publisher.expect("pubcomp");
            }
          }
        }
      },
    },
  ],
};
