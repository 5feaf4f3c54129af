import assert from "node:assert/strict";
import type { Chapter } from "../case.ts";
import { frame, join, text, u16 } from "../wire/bytes.ts";
import * as packets from "../wire/client-packets.ts";
import { propertyOf, writeProperties, writeProperty } from "../wire/properties.ts";
import { refused, refusedFirst } from "./refusals.ts";

export const ending: Chapter = {
  title: "Errors and DISCONNECT",
  cases: [
    {
      name: "a malformed packet or a protocol error ends the connection",
      v3: ["4.8.0-1"],
      v5: ["4.13.1-1", "4.13.2-1", "3.14.4-1", "3.14.4-2", "3.14.2-1", "3.14.2-2"],
      run: async (bench) => {
        const { version } = bench;
        const none = bench.isMqtt5 ? [0] : [];
        const wrong = [
          Buffer.from([0x00, 0x00]),
          frame(0x20, 0, 0),
          frame(0x90, u16(1), none, 0),
          frame(0xb0, u16(1), none),
          frame(0xd0),
          frame(0xc0, 0),
          frame(0x40, 0),
          frame(0x30, 0),
          frame(0x30, u16(5), Buffer.from("abc")),
          frame(0x82, u16(1), none, u16(9), Buffer.from("a")),
          ...(bench.isMqtt5
            ? [
                frame(0x30, text("t"), 1, 0x7f),
                frame(0x30, text("t"), 5, Buffer.alloc(2)),
                frame(0x30, text("t"), writeProperties([["receiveMaximum", 1]])),
                frame(0x30, text("t"), writeProperties([["payloadFormatIndicator", 2]])),
                frame(0x82, u16(1), twice(), text("t"), 0),
                frame(0xe0, 0x8e),
              ]
            : [frame(0xf0), frame(0xe0, 0)]),
        ];
        for (const packet of wrong) await refused(bench, packet);
        // And the server is as it was.
        assert.deepEqual(await (await bench.connect("after")).untilPong(), []);
        await refused(bench, packets.publish(version, { topic: "#" }));
      },
    },
    {
      name: "nothing of a connection is processed after its error or DISCONNECT",
      v3: ["3.14.4-3", "4.8.0-1"],
      v5: ["4.13.1-1", "3.14.4-3"],
      run: async (bench) => {
        const topic = bench.topic("after");
        const subscriber = await bench.subscriber("subscriber", topic, { options: 1 });
        const late = packets.publish(bench.version, { topic, payload: "late", retain: true });
        for (const end of [packets.disconnect(bench.version), Buffer.from([0, 0])]) {
          const client = await bench.connect("client");
          client.send(end, late);
          await client.untilClosed();
        }
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic, payload: "marker", qos: 1 });
        await bench.receive(subscriber, "marker");
      },
    },
    {
      name: "after DISCONNECT the server closes without a word",
      v3: ["3.14.4-3"],
      v5: ["3.14.2-2", "3.14.0-1"],
      run: async (bench) => {
        const client = await bench.connect("client");
        client.send(packets.disconnect(bench.version));
        assert.deepEqual(await client.untilClosed(), []);
      },
    },
    {
      name: "an authentication method that the server does not have is refused",
      v5: ["4.12.0-1", "3.1.4-2", "3.2.2-7"],
      run: async (bench) => {
        const clientId = bench.clientId("auth");
        const properties = [["authenticationMethod", "NONE-SUCH"]] as const;
        const answers = await refusedFirst(bench, packets.connect(5, { clientId, properties }));
        assert.equal(answers.length, 1);
        assert.ok(answers[0]?.type === "connack");
        assert.ok(answers[0].code === 0x8c || answers[0].code === 0x87);
      },
    },
    {
      name: "without an authentication method there is no AUTH, from neither side",
      v5: ["4.12.0-6", "4.12.0-7", "3.15.2-1"],
      run: async (bench) => {
        const client = await bench.connect("client");
        const connack = client.connack?.properties ?? [];
        assert.equal(propertyOf(connack, "authenticationMethod"), undefined);
        client.send(frame(0xf0, 0x18, writeProperties([["authenticationMethod", "X"]])));
        assert.equal(await client.closingCode(), 0x82);
        await refused(bench, frame(0xf0), [0x82]);
        await refused(bench, frame(0xf0, 0x42, 0), [0x81, 0x82]);
      },
    },
    {
      name: "plain TCP and nothing beyond the specification is enough",
      v3: ["7.1.1-1", "7.0.0-2"],
      v5: ["4.2.0-1"],
      run: async (bench) => {
        const topic = bench.topic("plain");
        const client = await bench.subscriber("client", topic);
        // Byte by byte: the stream has no other boundaries than its own.
        for (const byte of packets.publish(bench.version, { topic, payload: "bytes" })) {
          client.send(Buffer.from([byte]));
        }
        await client.expectMessage("bytes");
      },
    },
  ],
};

/** One property twice. */
function twice(): Buffer {
  const one = writeProperty("subscriptionIdentifier", 3);
  return join(one.length * 2, one, one);
}
