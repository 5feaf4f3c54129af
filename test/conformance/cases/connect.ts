import assert from "node:assert/strict";
import type { Bench } from "../bench.ts";
import type { Chapter } from "../case.ts";
import { binary, frame, type Piece, text, u16 } from "../wire/bytes.ts";
import * as packets from "../wire/client-packets.ts";
import { propertyOf } from "../wire/properties.ts";
import { refused, refusedConnect, refusedFirst } from "./refusals.ts";

/** A CONNECT with these flags and this payload, whatever they are. */
function connectWith(bench: Bench, flags: number, ...payload: readonly Piece[]): Buffer {
  const { version } = bench;
  const properties = bench.isMqtt5 ? [0] : [];
  return frame(0x10, text("MQTT"), version, flags, u16(0), properties, payload);
}

/** A CONNECT that is refused for what it asks, not for its form. */
function unacceptable(bench: Bench, name: string): Buffer {
  const { version } = bench;
  if (!bench.isMqtt5) return packets.connect(version, { clientId: "", clean: false });
  return packets.connect(version, {
    clientId: bench.clientId(name),
    properties: [["authenticationMethod", "none that exists"]],
  });
}

export const connect: Chapter = {
  title: "CONNECT and CONNACK",
  cases: [
    {
      name: "whatever comes before a CONNECT ends the connection without an answer",
      v3: ["3.1.0-1", "4.8.0-1"],
      v5: ["3.1.0-1"],
      run: async (bench) => {
        const { version } = bench;
        const early = [
          packets.pingreq,
          packets.publish(version, { topic: bench.topic("early"), retain: true }),
          packets.subscribe(version, 1, [["#", 0]]),
          packets.disconnect(version),
          frame(0xf0),
        ];
        for (const packet of early) assert.deepEqual(await refusedFirst(bench, packet), []);
      },
    },
    {
      name: "a second CONNECT ends the connection",
      v3: ["3.1.0-2"],
      v5: ["3.1.0-2"],
      run: (bench) =>
        refused(bench, packets.connect(bench.version, { clientId: bench.clientId("b") }), [0x82]),
    },
    {
      name: "another protocol name, or a level that is not served, ends the connection",
      v3: ["3.1.2-1", "3.1.2-2"],
      v5: ["3.1.2-1", "3.1.2-2"],
      run: async (bench) => {
        const rest = [2, u16(0), bench.isMqtt5 ? [0] : [], text(bench.clientId("name"))];
        for (const [name, level] of [
          ["MQTX", bench.version],
          ["mqtt", bench.version],
          ["MQTT", 6],
          ["MQTT", 0],
          ["MQIsdp", bench.version],
        ] as const) {
          // Nobody knows how to answer another version; FlockMQ says it in the words of 3.1.1.
          const client = await bench.open("name", undefined, 4);
          client.send(frame(0x10, text(name), level, rest));
          const [answer, ...more] = await client.untilClosed();
          assert.deepEqual(more, []);
          assert.ok(answer?.type === "connack" && answer.code === 1, `${name} ${level}`);
        }
      },
    },
    {
      name: "the reserved connect flag is checked",
      v3: ["3.1.2-3", "3.1.4-1"],
      v5: ["3.1.2-3", "3.1.4-1"],
      run: (bench) => refusedConnect(bench, connectWith(bench, 0x03, text(bench.clientId("r")))),
    },
    {
      name: "without the Will flag there is no Will QoS and no Will Retain; Will QoS 3 does not exist",
      v3: ["3.1.2-11", "3.1.2-13", "3.1.2-14", "3.1.2-15"],
      v5: ["3.1.2-11", "3.1.2-12", "3.1.2-13"],
      run: async (bench) => {
        const clientId = text(bench.clientId("will"));
        const properties = bench.isMqtt5 ? [0] : [];
        for (const flags of [0x0a, 0x12, 0x1a, 0x22]) {
          await refusedConnect(bench, connectWith(bench, flags, clientId));
        }
        const will = [properties, text("t"), binary(Buffer.from("m"))];
        await refusedConnect(bench, connectWith(bench, 0x1e, clientId, will));
        // Fields of a Will that nothing announces.
        await refusedConnect(bench, connectWith(bench, 0x02, clientId, will));
      },
    },
    {
      name: "what the flags announce must be in the payload, and nothing else",
      v3: [
        "3.1.2-9",
        "3.1.2-18",
        "3.1.2-19",
        "3.1.2-20",
        "3.1.2-21",
        "3.1.2-22",
        "3.1.3-1",
        "3.1.3-3",
      ],
      v5: [
        "3.1.2-9",
        "3.1.2-16",
        "3.1.2-17",
        "3.1.2-18",
        "3.1.2-19",
        "3.1.3-1",
        "3.1.3-3",
        "3.1.4-1",
      ],
      run: async (bench) => {
        const clientId = text(bench.clientId("flags"));
        const wrong = [
          connectWith(bench, 0x02),
          connectWith(bench, 0x06, clientId),
          connectWith(bench, 0x06, clientId, bench.isMqtt5 ? [0] : [], text("t")),
          connectWith(bench, 0x82, clientId),
          connectWith(bench, 0xc2, clientId, text("user")),
          connectWith(bench, 0x02, clientId, text("user")),
          connectWith(bench, 0x82, clientId, text("user"), binary(Buffer.from("password"))),
        ];
        if (!bench.isMqtt5) wrong.push(connectWith(bench, 0x42, clientId, text("password")));
        for (const packet of wrong) await refusedConnect(bench, packet);
        // MQTT 5 allows a password alone.
        if (bench.isMqtt5) await bench.connect("password", { password: Buffer.from([0, 0xff]) });
        await bench.connect("user", { username: "open" });
        await bench.connect("both", { username: "user", password: Buffer.from("pencil") });
      },
    },
    {
      name: "client identifiers of 1 to 23 letters and digits are taken",
      v3: ["3.1.3-5"],
      v5: ["3.1.3-5"],
      run: async (bench) => {
        const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        const own = bench.clientId("").replaceAll(/[^a-z0-9]/g, "");
        const clientIds = [bench.isMqtt5 ? "5" : "3"];
        for (let at = 0; at < letters.length; at += 23 - own.length) {
          clientIds.push(`${own}${letters.slice(at)}`.slice(0, 23));
        }
        for (const clientId of clientIds) await bench.connect("letters", { clientId });
      },
    },
    {
      name: "an empty client identifier is one of its own",
      v3: ["3.1.3-6"],
      v5: ["3.1.3-6", "3.1.3-7", "3.2.2-16"],
      run: async (bench) => {
        const clients = [];
        for (let count = 0; count < 4; count++) {
          clients.push(await bench.connect("nameless", { clientId: "" }));
        }
        // Had two the same, the first would be gone.
        for (const client of clients) assert.deepEqual(await client.untilPong(), []);
        if (!bench.isMqtt5) return;
        const assigned = clients.map((client) =>
          propertyOf(client.connack?.properties ?? [], "assignedClientIdentifier"),
        );
        assert.equal(new Set(assigned).size, 4);
        assert.ok(assigned.every((name) => typeof name === "string" && name.length > 0));
        // As if the client had provided it: the session is found under it.
        const first = await bench.connect("nameless", { clientId: "", ...bench.lasting() });
        const properties = first.connack?.properties ?? [];
        const clientId = propertyOf(properties, "assignedClientIdentifier") as string;
        await bench.disconnect(first);
        const again = await bench.connect("named", { clientId, ...bench.lasting(0) });
        assert.equal(again.connack?.sessionPresent, true);
      },
    },
    {
      name: "an empty client identifier without a clean session is rejected",
      v3: ["3.1.3-8", "3.1.3-9", "3.2.2-4", "3.2.2-5"],
      run: async (bench) => {
        const answers = await refusedFirst(bench, unacceptable(bench, ""));
        const refusal = { type: "connack", flags: 0, sessionPresent: false, code: 2 };
        assert.deepEqual(answers, [{ ...refusal, properties: [] }]);
      },
    },
    {
      name: "a CONNECT that 3.1.1 has no return code for is refused without a CONNACK",
      v3: ["3.2.2-6"],
      run: async (bench) => {
        const clientId = text(bench.clientId("x"));
        assert.deepEqual(await refusedFirst(bench, connectWith(bench, 0x03, clientId)), []);
      },
    },
    {
      name: "what follows a refused CONNECT is not processed",
      v3: ["3.1.4-5"],
      v5: ["3.1.4-2", "3.1.4-6", "3.2.2-6", "3.2.2-7", "3.2.2-8", "3.14.0-1", "4.13.2-1"],
      run: async (bench) => {
        const topic = bench.topic("behind");
        const behind = packets.publish(bench.version, { topic, payload: "behind", retain: true });
        const bytes = Buffer.concat([unacceptable(bench, "refused"), behind]);
        const [answer, ...more] = await refusedFirst(bench, bytes);
        assert.ok(answer?.type === "connack" && answer.code !== 0 && !answer.sessionPresent);
        assert.deepEqual(more, []);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic: bench.topic("behind/it"), payload: "x", qos: 1 });
        const subscriber = await bench.subscriber("subscriber", topic);
        assert.deepEqual(await subscriber.untilPong(), []);
      },
    },
    {
      name: "a Will that the server does not take is refused with its CONNECT",
      v5: ["3.1.4-2", "3.2.2-7"],
      run: async (bench) => {
        const topic = bench.topic("a/".repeat(300));
        const clientId = bench.clientId("deep");
        const answers = await refusedFirst(
          bench,
          packets.connect(5, { clientId, will: { topic } }),
        );
        assert.equal(answers.length, 1);
        assert.ok(answers[0]?.type === "connack" && answers[0].code === 0x90);
      },
    },
    {
      name: "a client that connects again takes the place of its old connection",
      v3: ["3.1.4-2", "3.1.3-2"],
      v5: ["3.1.4-3", "3.1.3-2", "3.14.4-1", "3.14.4-2", "4.13.2-1"],
      run: async (bench) => {
        const first = await bench.connect("same");
        const second = await bench.connect("same");
        assert.equal(await first.closingCode(), bench.isMqtt5 ? 0x8e : null);
        assert.deepEqual(await second.untilPong(), []);
      },
    },
    {
      name: "CONNACK comes once and first, also when the client does not wait for it",
      v3: ["3.2.0-1", "3.1.4-4"],
      v5: ["3.2.0-1", "3.2.0-2", "3.2.2-1", "3.1.4-5"],
      run: async (bench) => {
        const { version } = bench;
        const topic = bench.topic("at-once");
        const client = await bench.open("hasty");
        client.send(
          packets.connect(version, { clientId: client.clientId }),
          packets.subscribe(version, 1, [[topic, 1]]),
          packets.publish(version, { topic, payload: "hasty", qos: 1, packetId: 2 }),
          packets.pingreq,
        );
        assert.equal((await client.expect("connack")).code, 0);
        const types = new Set<string>();
        while (types.size < 4) types.add((await client.next()).type);
        assert.deepEqual([...types].sort(), ["pingresp", "puback", "publish", "suback"]);
      },
    },
    {
      name: "a client that says all in one breath and half-closes is heard and answered",
      v3: ["3.1.4-4", "3.2.0-1"],
      v5: ["3.1.4-5", "3.2.0-1"],
      run: async (bench) => {
        const { version } = bench;
        const topic = bench.topic("breath");
        const subscriber = await bench.subscriber("subscriber", topic);
        for (const goodbye of [packets.disconnect(version), Buffer.alloc(0)]) {
          const client = await bench.open("breathless");
          client.send(
            packets.connect(version, { clientId: client.clientId }),
            packets.publish(version, { topic, payload: "heard" }),
            goodbye,
          );
          client.end();
          const [answer] = await client.untilClosed();
          assert.ok(answer?.type === "connack" && answer.code === 0);
          await bench.receive(subscriber, "heard");
        }
      },
    },
    {
      name: "a keep alive that passes one and a half times ends the connection as a failure",
      v3: ["3.1.2-24"],
      v5: ["3.1.2-22", "3.2.2-22"],
      isSlow: true,
      run: async (bench) => {
        const topic = bench.topic("silent");
        const subscriber = await bench.subscriber("subscriber", topic);
        const lively = await bench.connect("lively", { keepAliveSeconds: 1 });
        const startedAtMs = performance.now();
        const silent = await bench.connect("silent", {
          keepAliveSeconds: 1,
          will: { topic, payload: "gone", qos: 1 },
        });
        const serverKeepAlive = propertyOf(silent.connack?.properties ?? [], "serverKeepAlive");
        assert.equal(serverKeepAlive, undefined);
        for (let pings = 0; pings < 4; pings++) {
          await bench.elapse(400);
          assert.deepEqual(await lively.untilPong(), []);
        }
        assert.equal(await silent.closingCode(), bench.isMqtt5 ? 0x8d : null);
        const tookMs = performance.now() - startedAtMs;
        assert.ok(tookMs >= 1500 && tookMs < 3500, `closed after ${tookMs} ms`);
        await bench.receive(subscriber, "gone");
        assert.deepEqual(await lively.untilPong(), []);
      },
    },
    {
      name: "Response Information is not sent, and no problem information where the client wants none",
      v5: ["3.1.2-28", "3.1.2-29"],
      run: async (bench) => {
        const client = await bench.connect("quiet", {
          properties: [
            ["requestResponseInformation", 0],
            ["requestProblemInformation", 0],
          ],
        });
        const connack = client.connack?.properties ?? [];
        assert.equal(propertyOf(connack, "responseInformation"), undefined);
        client.send(
          packets.subscribe(5, 1, [["a/#/b", 0]]),
          packets.unsubscribe(5, 2, ["a/#/b"]),
          packets.publish(5, { topic: "$SYS/x", qos: 1, packetId: 3 }),
          packets.publish(5, { topic: "$SYS/x", qos: 2, packetId: 4 }),
          packets.ack(6, 5),
          packets.ack(5, 6),
        );
        const answers = await client.untilPong();
        assert.equal(answers.length, 6);
        for (const answer of answers) {
          assert.deepEqual("properties" in answer ? answer.properties : [], [], answer.type);
        }
      },
    },
  ],
};
