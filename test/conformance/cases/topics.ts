import assert from "node:assert/strict";
import type { Chapter } from "../case.ts";
import * as packets from "../wire/client-packets.ts";

export const topics: Chapter = {
  title: "Topics",
  cases: [
    {
      name: "# stands alone at the end, + alone in its level, and no filter is empty",
      v3: ["4.7.1-2", "4.7.1-3", "4.7.3-1"],
      v5: ["4.7.1-1", "4.7.1-2", "4.7.3-1"],
      run: async (bench) => {
        const client = await bench.connect("client");
        const good = ["+", "+/tail/#", "/+", "+/+", "a/+/b", "/", "a//b"].map(
          bench.topic.bind(bench),
        );
        const bad = ["", "#/", "a/#/b", "a#", "a/b#", "a+", "+a/b", "a/+b"];
        const codes = await bench.subscribe(client, [
          ...good.map((filter) => [filter, 0] as const),
          ...bad.map((filter) => [filter, 0] as const),
        ]);
        const error = bench.isMqtt5 ? 0x8f : 0x80;
        assert.deepEqual(codes, [...good.map(() => 0), ...bad.map(() => error)]);
      },
    },
    {
      name: "wildcards match as they should",
      v3: ["4.7.1-2", "4.7.1-3"],
      v5: ["4.7.1-1", "4.7.1-2"],
      run: async (bench) => {
        const names = ["a", "a/b", "a/b/c", "/a", "a/", "b", "a//c", "//"];
        const expected: readonly [string, readonly string[]][] = [
          ["#", names],
          ["a/#", ["a", "a/b", "a/b/c", "a/", "a//c"]],
          ["a/+", ["a/b", "a/"]],
          ["+", ["a", "b"]],
          ["+/+", ["a/b", "/a", "a/"]],
          ["+/b/#", ["a/b", "a/b/c"]],
          ["a/+/c", ["a/b/c", "a//c"]],
          ["/+", ["/a"]],
        ];
        const publisher = await bench.connect("publisher");
        const last = bench.topic("a/b/c/end");
        const checks = expected.map(async ([filter, matching], at) => {
          const subscriber = await bench.connect(`subscriber ${at}`);
          await bench.subscribe(subscriber, [
            [bench.topic(filter), 1],
            [`${last}/+`, 1],
          ]);
          return { subscriber, matching, filter };
        });
        const subscribers = await Promise.all(checks);
        for (const name of names) {
          await bench.publish(publisher, { topic: bench.topic(name), payload: name, qos: 1 });
        }
        await bench.publish(publisher, { topic: `${last}/x`, payload: "the end", qos: 1 });
        for (const { subscriber, matching, filter } of subscribers) {
          for (const name of matching) await bench.receive(subscriber, name);
          const end = await subscriber.expect("publish");
          assert.equal(end.payload.toString(), "the end", filter);
        }
      },
    },
    {
      name: "filters that begin with a wildcard do not match topics that begin with $",
      v3: ["4.7.2-1"],
      v5: ["4.7.2-1"],
      run: async (bench) => {
        const own = bench.topic("dollar");
        const topic = `$own/${own}`;
        const wild = await bench.connect("wild");
        const plain = bench.topic("plain");
        await bench.subscribe(wild, [
          [`+/${own}`, 1],
          [plain, 1],
        ]);
        const all = await bench.subscriber("all", "#", { options: 0 });
        const named = await bench.subscriber("named", `$own/${bench.topic("#")}`);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic, payload: "dollar", qos: 1 });
        await bench.publish(publisher, { topic: plain, payload: "plain", qos: 1 });
        await bench.receive(named, "dollar");
        await bench.receive(wild, "plain");
        for (;;) {
          const message = await all.expect("publish");
          assert.notEqual(message.topic, topic);
          if (message.topic === plain) break;
        }
      },
    },
    {
      name: "topics of up to 65,535 bytes, compared as they are",
      v3: ["4.7.3-3", "4.7.3-4"],
      v5: ["4.7.3-3", "4.7.3-4"],
      run: async (bench) => {
        const base = bench.topic("long/");
        const longest = `${base}${"x".repeat(65_535 - base.length)}`;
        const subscriber = await bench.subscriber("long", longest, { options: 1 });
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic: longest, payload: "long", qos: 1 });
        assert.equal((await bench.receive(subscriber, "long")).topic, longest);
        // Composed and decomposed, upper and lower case, with and without a space: all of them different.
        const names = ["\u00e9", "e\u0301", "CASE", "case", "with space", "withspace", " "];
        const all = await bench.subscriber("all", bench.topic("each/+"), { options: 1 });
        for (const name of names) {
          const own = await bench.subscriber(`own ${name}`, bench.topic(`each/${name}`));
          for (const other of names) {
            const topic = bench.topic(`each/${other}`);
            await bench.publish(publisher, { topic, payload: other });
            assert.equal((await all.expect("publish")).topic, topic);
          }
          await bench.publish(publisher, { topic: bench.topic(`each/${name}`), payload: "last" });
          await all.expect("publish");
          await own.expectMessage(name);
          await own.expectMessage("last");
        }
        publisher.send(packets.disconnect(bench.version));
      },
    },
    {
      name: "a shared filter is $share, a name, and a filter",
      v5: ["4.8.2-1", "4.8.2-2"],
      run: async (bench) => {
        const client = await bench.connect("client");
        const topic = bench.topic("t");
        const good = [`$share/g/${topic}`, `$share/g h/${topic}/#`, `$share/$/${topic}`];
        const bad = [
          "$share",
          "$share/",
          "$share/g",
          "$share/g/",
          `$share//${topic}`,
          `$share/g+/${topic}`,
          `$share/#/${topic}`,
          "$share/g/a/#/b",
        ];
        const codes = await bench.subscribe(client, [
          ...good.map((filter) => [filter, 1] as const),
          ...bad.map((filter) => [filter, 1] as const),
        ]);
        assert.deepEqual(codes, [...good.map(() => 1), ...bad.map(() => 0x8f)]);
      },
    },
    {
      name: "a shared subscription respects the granted QoS of whom it chooses",
      v5: ["4.8.2-3"],
      run: async (bench) => {
        const topic = bench.topic("shared");
        const members = [];
        for (const granted of [0, 1, 2]) {
          const name = `member ${granted}`;
          const member = await bench.subscriber(name, `$share/g/${topic}`, { options: granted });
          members.push({ member, granted });
        }
        const publisher = await bench.connect("publisher");
        for (let number = 0; number < 12; number++) {
          await bench.publish(publisher, { topic, payload: `${number}`, qos: 2 });
        }
        let received = 0;
        while (received < 12) {
          for (const { member, granted } of members) {
            for (const packet of await member.untilPong()) {
              if (packet.type !== "publish") continue;
              assert.equal(packet.qos, granted);
              received += 1;
            }
          }
        }
        assert.equal(received, 12);
      },
    },
    {
      name: "a QoS 2 delivery of a shared subscription that broke off goes on with the same client",
      v5: ["4.8.2-4"],
      run: async (bench) => {
        const topic = bench.topic("shared");
        const filter = `$share/g/${topic}`;
        const first = await bench.connect("first", { ...bench.lasting(), node: 0 });
        await bench.subscribe(first, [[filter, 2]]);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic, payload: "mine", qos: 2 });
        const { packetId } = await first.expectMessage("mine");
        const second = await bench.subscriber("second", filter, { options: 2 });
        first.drop();
        const again = await bench.connect("first", { ...bench.lasting(), node: 2 });
        assert.equal((await bench.receive(again, "mine")).packetId, packetId);
        assert.deepEqual(await second.untilPong(), []);
      },
    },
    {
      name: "a message of a shared subscription that was given to one client goes to no other",
      v5: ["4.8.2-5", "4.8.2-6"],
      run: async (bench) => {
        const topic = bench.topic("shared");
        const filter = `$share/g/${topic}`;
        const first = await bench.subscriber("first", filter, { options: 2 });
        const publisher = await bench.connect("publisher");
        for (const qos of [1, 2]) {
          await bench.publish(publisher, { topic, payload: `refused ${qos}`, qos });
          const { packetId } = await first.expectMessage(`refused ${qos}`);
          first.send(packets.ack(qos === 1 ? 4 : 5, packetId, 0x83));
        }
        await bench.publish(publisher, { topic, payload: "half", qos: 2 });
        await first.expectMessage("half");
        const second = await bench.subscriber("second", filter, { options: 2 });
        // Its session ends here, and the QoS 2 exchange with it.
        await bench.disconnect(first);
        await bench.publish(publisher, { topic, payload: "next", qos: 1 });
        await bench.receive(second, "next");
      },
    },
  ],
};
