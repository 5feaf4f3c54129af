import assert from "node:assert/strict";
import type { Bench } from "../bench.ts";
import type { Chapter } from "../case.ts";
import type { TestClient } from "../client.ts";
import * as packets from "../wire/client-packets.ts";

/** What a new subscriber of the topic gets at once. */
async function retainedAt(bench: Bench, topic: string, name = "reader"): Promise<string[]> {
  const reader = await bench.subscriber(`${name}${bench.packetId()}`, topic);
  const messages = await reader.untilPong();
  return messages.map((message) => {
    assert.ok(message.type === "publish");
    assert.equal(message.retain, true);
    return `${message.payload} ${message.qos}`;
  });
}

async function keep(
  bench: Bench,
  publisher: TestClient,
  topic: string,
  payload: string,
  qos = 1,
): Promise<void> {
  await bench.publish(publisher, { topic, payload, qos, retain: true });
  // At QoS 0 nothing says that it is stored; what follows on the same connection at QoS 1 is stored behind it.
  if (qos !== 0) return;
  const behind = { topic: `${topic}/behind`, payload: "x", qos: 1, retain: true };
  await bench.publish(publisher, behind);
}

export const retained: Chapter = {
  title: "Retained messages",
  cases: [
    {
      name: "a retained message and its QoS are stored, and replaced by the next one",
      v3: ["3.3.1-5", "3.3.1-6", "3.3.1-7", "3.3.1-8"],
      v5: ["3.3.1-5", "3.3.1-9"],
      run: async (bench) => {
        const topic = bench.topic("kept");
        const publisher = await bench.connect("publisher");
        for (const qos of [1, 2, 0, 1]) {
          await keep(bench, publisher, topic, `value ${qos}`, qos);
          assert.deepEqual(await retainedAt(bench, topic), [`value ${qos} ${qos}`]);
        }
      },
    },
    {
      name: "an empty retained message removes the old one and is not stored, but is delivered",
      v3: ["3.3.1-10", "3.3.1-11"],
      v5: ["3.3.1-6", "3.3.1-7"],
      run: async (bench) => {
        const topic = bench.topic("removed");
        const publisher = await bench.connect("publisher");
        await keep(bench, publisher, topic, "value");
        const subscriber = await bench.subscriber("subscriber", topic);
        await bench.receive(subscriber, "value");
        await keep(bench, publisher, topic, "");
        assert.equal((await bench.receive(subscriber, "")).retain, false);
        assert.deepEqual(await retainedAt(bench, topic), []);
        // Nothing is there to remove, and nothing is stored.
        await keep(bench, publisher, topic, "");
        assert.deepEqual(await retainedAt(bench, topic), []);
      },
    },
    {
      name: "a message that is not retained neither stores nor removes",
      v3: ["3.3.1-12"],
      v5: ["3.3.1-8"],
      run: async (bench) => {
        const topic = bench.topic("passing");
        const publisher = await bench.connect("publisher");
        for (const payload of ["passing", ""]) {
          await bench.publish(publisher, { topic, payload, qos: 1 });
          assert.deepEqual(await retainedAt(bench, topic), []);
        }
        await keep(bench, publisher, topic, "value");
        for (const payload of ["passing", ""]) {
          await bench.publish(publisher, { topic, payload, qos: 1 });
          assert.deepEqual(await retainedAt(bench, topic), ["value 1"]);
        }
      },
    },
    {
      name: "established subscriptions see no RETAIN, unless they asked for it as published",
      v3: ["3.3.1-9"],
      v5: ["3.3.1-12", "3.3.1-13"],
      run: async (bench) => {
        const topic = bench.topic("flag");
        const plain = await bench.subscriber("plain", topic, { options: 1 });
        const publisher = await bench.connect("publisher");
        const asPublished = bench.isMqtt5
          ? await bench.subscriber("as published", topic, { options: 1 | 8 })
          : null;
        for (const retain of [true, false]) {
          await bench.publish(publisher, { topic, payload: `${retain}`, qos: 1, retain });
          assert.equal((await bench.receive(plain, `${retain}`)).retain, false);
          if (asPublished === null) continue;
          assert.equal((await bench.receive(asPublished, `${retain}`)).retain, retain);
        }
      },
    },
    {
      name: "a new subscription gets the last message of each matching topic",
      v3: ["3.3.1-6"],
      v5: ["3.3.1-9"],
      run: async (bench) => {
        const publisher = await bench.connect("publisher");
        const names = ["a", "a/b", "c", "c/d/e"];
        for (const name of names) await keep(bench, publisher, bench.topic(name), `old ${name}`);
        for (const name of names) await keep(bench, publisher, bench.topic(name), name);
        const all = await retainedAt(bench, bench.topic("#"));
        assert.deepEqual(all.sort(), names.map((name) => `${name} 1`).sort());
        assert.deepEqual((await retainedAt(bench, bench.topic("+"))).sort(), ["a 1", "c 1"]);
        assert.deepEqual(await retainedAt(bench, bench.topic("+/b")), ["a/b 1"]);
      },
    },
    {
      name: "Retain Handling decides what a SUBSCRIBE brings",
      v5: ["3.3.1-9", "3.3.1-10", "3.3.1-11"],
      run: async (bench) => {
        const topic = bench.topic("handling");
        const publisher = await bench.connect("publisher");
        await keep(bench, publisher, topic, "value");
        const never = await bench.subscriber("never", topic, { options: 1 | 0x20 });
        assert.deepEqual(await never.untilPong(), []);
        const ifNew = await bench.subscriber("if new", topic, { options: 1 | 0x10 });
        await bench.receive(ifNew, "value");
        await bench.subscribe(ifNew, [[topic, 1 | 0x10]]);
        assert.deepEqual(await ifNew.untilPong(), []);
        const always = await bench.subscriber("always", topic, { options: 1 });
        await bench.receive(always, "value");
        await bench.subscribe(always, [[topic, 1]]);
        await bench.receive(always, "value");
      },
    },
    {
      name: "the same filter again brings the retained messages again",
      v3: ["3.8.4-3"],
      v5: ["3.8.4-3", "3.8.4-4"],
      run: async (bench) => {
        const topic = bench.topic("renewed");
        const publisher = await bench.connect("publisher");
        await keep(bench, publisher, topic, "value", 2);
        const subscriber = await bench.subscriber("subscriber", topic, { options: 0 });
        assert.equal((await subscriber.expectMessage("value")).qos, 0);
        await bench.subscribe(subscriber, [[topic, 2]]);
        assert.equal((await bench.receive(subscriber, "value")).qos, 2);
        await bench.publish(publisher, { topic, payload: "live", qos: 2 });
        assert.equal((await bench.receive(subscriber, "live")).qos, 2);
        // One subscription, not two.
        assert.deepEqual(await subscriber.untilPong(), []);
      },
    },
    {
      name: "no message is lost while a subscription is replaced",
      v3: ["3.8.4-3"],
      v5: ["3.8.4-4"],
      run: async (bench) => {
        const topic = bench.topic("gapless");
        const subscriber = await bench.subscriber("subscriber", topic, { options: 1 });
        const publisher = await bench.connect("publisher");
        const publishing = (async () => {
          for (let number = 0; number < 100; number++) {
            await bench.publish(publisher, { topic, payload: `${number}`, qos: 1 });
          }
        })();
        const received: string[] = [];
        let answers = 0;
        // SUBSCRIBE again and again, each when the one before is answered, while the messages come.
        subscriber.send(packets.subscribe(bench.version, 1, [[topic, 1]]));
        while (answers < 10 || received.length < 100) {
          const packet = await subscriber.next("all messages");
          if (packet.type === "suback") {
            answers += 1;
            if (answers === 10) continue;
            subscriber.send(packets.subscribe(bench.version, 1 + answers, [[topic, 1]]));
          } else {
            assert.ok(packet.type === "publish");
            subscriber.send(packets.ack(4, packet.packetId));
            received.push(packet.payload.toString());
          }
        }
        await publishing;
        assert.deepEqual(
          received,
          Array.from({ length: 100 }, (_, number) => `${number}`),
        );
      },
    },
  ],
};
