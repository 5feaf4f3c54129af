import assert from "node:assert/strict";
import { ScramClient } from "../../support/scram-client.ts";
import type { Bench } from "../bench.ts";
import type { Chapter } from "../case.ts";
import type { TestClient } from "../client.ts";
import * as packets from "../wire/client-packets.ts";
import { type Properties, propertyOf } from "../wire/properties.ts";

const method = "SCRAM-SHA-256";

/** Of the users file that the suite gives its nodes (test/support/users.ts). */
const name = "user";
const password = "pencil";

function said(method: string, data: Buffer): Properties {
  return [
    ["authenticationMethod", method],
    ["authenticationData", data],
  ];
}

/** The Authentication Data of a packet that has to name the method, too. */
function dataOf(properties: Properties): Buffer {
  assert.equal(propertyOf(properties, "authenticationMethod"), method);
  const data = propertyOf(properties, "authenticationData");
  assert.ok(Buffer.isBuffer(data));
  return data;
}

async function begin(bench: Bench, scram: ScramClient): Promise<TestClient> {
  const client = await bench.open("scram");
  const properties = said(method, scram.first());
  client.send(packets.connect(5, { clientId: client.clientId, properties }));
  return client;
}

/** Answers the AUTH that must come next. */
async function answer(client: TestClient, scram: ScramClient): Promise<void> {
  const challenge = await client.expect("auth");
  assert.equal(challenge.code, 0x18);
  client.send(packets.auth(0x18, said(method, scram.final(dataOf(challenge.properties)))));
}

async function admitted(bench: Bench): Promise<TestClient> {
  const scram = new ScramClient(name, password, bench.clientId("nonce"));
  const client = await begin(bench, scram);
  await answer(client, scram);
  const connack = await client.expect("connack");
  assert.equal(connack.code, 0);
  assert.ok(scram.isProvedBy(dataOf(connack.properties)));
  return client;
}

export const authentication: Chapter = {
  title: "Enhanced authentication",
  cases: [
    {
      name: "SCRAM-SHA-256 lets in who proves a password, and both sides name the method throughout",
      v5: ["4.12.0-2", "4.12.0-5", "3.15.2-1"],
      run: async (bench) => {
        const client = await admitted(bench);
        const topic = bench.topic("scram");
        await bench.subscribe(client, [[topic, 1]]);
        client.send(packets.publish(5, { topic, payload: "in" }));
        await client.expectMessage("in");
      },
    },
    {
      name: "a wrong proof ends the connection, with a CONNACK that says so",
      v5: ["4.12.0-4"],
      run: async (bench) => {
        for (const [who, what] of [
          [name, "crayon"],
          ["nobody", password],
        ] as const) {
          const scram = new ScramClient(who, what, bench.clientId("nonce"));
          const client = await begin(bench, scram);
          await answer(client, scram);
          const { code } = await client.expect("connack");
          assert.ok(code === 0x86 || code === 0x87);
          assert.deepEqual(await client.untilClosed(), []);
        }
      },
    },
    {
      name: "a client authenticates again while its messages flow, and a failure ends the connection",
      v5: ["4.12.0-2", "4.12.1-2"],
      run: async (bench) => {
        const client = await admitted(bench);
        const scram = new ScramClient(name, password, bench.clientId("again"));
        client.send(packets.auth(0x19, said(method, scram.first())));
        await answer(client, scram);
        const success = await client.expect("auth");
        assert.equal(success.code, 0);
        assert.ok(scram.isProvedBy(dataOf(success.properties)));
        assert.deepEqual(await client.untilPong(), []);
        const wrong = new ScramClient(name, "crayon", bench.clientId("wrong"));
        client.send(packets.auth(0x19, said(method, wrong.first())));
        await answer(client, wrong);
        assert.equal(await client.closingCode(), 0x87);
      },
    },
    {
      name: "an AUTH with another method than CONNECT, or out of turn, ends the connection",
      v5: ["4.13.1-1"],
      run: async (bench) => {
        const scram = new ScramClient(name, password, bench.clientId("nonce"));
        for (const packet of [
          packets.auth(0x19, said("OTHER", scram.first())),
          packets.auth(0x18, said(method, scram.first())),
          packets.auth(0x00, said(method, scram.first())),
        ]) {
          const client = await admitted(bench);
          client.send(packet);
          assert.equal(await client.closingCode(), 0x82);
        }
      },
    },
    {
      name: "before CONNACK only AUTH and DISCONNECT are taken from a client that authenticates",
      v5: ["4.13.1-1"],
      run: async (bench) => {
        const client = await begin(bench, new ScramClient(name, password, "n"));
        await client.expect("auth");
        client.send(packets.subscribe(5, 1, [["#", 0]]));
        const { code } = await client.expect("connack");
        assert.equal(code, 0x82);
        assert.deepEqual(await client.untilClosed(), []);
      },
    },
  ],
};
