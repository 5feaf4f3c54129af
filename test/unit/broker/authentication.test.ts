import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { ClientAccess } from "../../../src/access/client-access.ts";
import { BrokerRig, type RigClient, type RigNode } from "../../support/broker-rig.ts";
import { ScramClient } from "../../support/scram-client.ts";
import { silentLog } from "../../support/silent-log.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { scramRecordText } from "../../support/users.ts";

const method = "SCRAM-SHA-256";
const usersText = `default allow
user joe ${scramRecordText("right")}
  deny publish secret
  deny subscribe secret
user bound ${scramRecordText("right")}
  client-id {username}-*
`;

let rig: BrokerRig;
let node: RigNode;
let path: string;
let access: ClientAccess;

beforeEach(async () => {
  path = join(temporaryDirectory(), "users");
  write(usersText);
  await open(false);
});

function write(text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o600);
}

async function open(isAnonymousAllowed: boolean): Promise<void> {
  rig = new BrokerRig();
  access = new ClientAccess({
    usersFile: path,
    isAnonymousAllowed,
    clock: rig.clock,
    log: silentLog,
  });
  const { authenticator, authorizer } = access;
  node = rig.addNode({}, { authenticator, authorizer });
  await access.serve(node.broker, Buffer.from("a secret of all nodes"));
}

/** A password takes real time on another thread. */
async function connackOf(client: RigClient): Promise<{ reasonCode?: number; returnCode?: number }> {
  await expect
    .poll(async () => {
      await rig.settle();
      return client.inbox.some(({ cmd }) => cmd === "connack");
    })
    .toBe(true);
  return client.take("connack")[0] as { reasonCode?: number; returnCode?: number };
}

async function login(clientId: string, username: string, password: string, version: 4 | 5 = 5) {
  const options = { username, password: Buffer.from(password), protocolVersion: version };
  const client = await rig.connect(node, clientId, options);
  return { client, connack: await connackOf(client) };
}

describe("a user name and a password", () => {
  test("let in who is right, and not who is wrong or unknown", async () => {
    expect((await login("c1", "joe", "right")).connack.reasonCode).toBe(0);
    expect((await login("c2", "joe", "right", 4)).connack.returnCode).toBe(0);
    expect((await login("c3", "joe", "wrong")).connack.reasonCode).toBe(0x86);
    expect((await login("c4", "nobody", "right")).connack.reasonCode).toBe(0x86);
    expect((await login("c5", "joe", "wrong", 4)).connack.returnCode).toBe(4);
    const { connectsWrongPassword, connectsUnknownUser } = node.broker.counters;
    expect([connectsWrongPassword, connectsUnknownUser]).toEqual([2, 1]);
  });

  test("are asked for: nobody comes in without, unless that is allowed", async () => {
    const five = await rig.connect(node, "c");
    expect(five.take("connack")[0]?.reasonCode).toBe(0x86);
    const four = await rig.connect(node, "c", { protocolVersion: 4 });
    expect(four.take("connack")[0]?.returnCode).toBe(5);
    expect(node.broker.counters.connectsAnonymousRefused).toBe(2);
    await open(true);
    const welcome = await rig.connect(node, "c");
    expect(welcome.take("connack")[0]?.reasonCode).toBe(0);
    expect((await login("c3", "joe", "wrong")).connack.reasonCode).toBe(0x86);
  });

  test("go with the client identifiers of the user", async () => {
    expect((await login("bound-1", "bound", "right")).connack.reasonCode).toBe(0);
    expect((await login("other", "bound", "right")).connack.reasonCode).toBe(0x87);
  });

  test("decide what may be published, subscribed to and left as a Will", async () => {
    const { client } = await login("c", "joe", "right");
    client.publish("secret", "1", { qos: 1, messageId: 1 });
    client.publish("open", "1", { qos: 1, messageId: 2 });
    client.subscribe("secret", {}, 3);
    client.subscribe("#", {}, 4);
    await rig.settle();
    expect(client.take("puback").map(({ reasonCode }) => reasonCode)).toEqual([0x87, 0x10]);
    expect(client.take("suback").flatMap(({ granted }) => granted)).toEqual([0x87, 0x87]);
    const will = { topic: "secret", payload: Buffer.from("1"), qos: 0 as const, retain: false };
    const options = { username: "joe", password: Buffer.from("right"), will };
    const mortal = await rig.connect(node, "d", options);
    expect((await connackOf(mortal)).reasonCode).toBe(0x87);
  });
});

describe("a changed users file", () => {
  test("ends the connections of users that are gone or have another password", async () => {
    const { client } = await login("c", "joe", "right");
    const { client: other } = await login("bound-1", "bound", "right");
    write(usersText.replace(/user joe .*/, `user joe ${scramRecordText("new")}`));
    await access.reload();
    await rig.settle();
    expect(client.take("disconnect")[0]?.reasonCode).toBe(0x87);
    expect(other.isEnded).toBe(false);
    expect((await login("c", "joe", "right")).connack.reasonCode).toBe(0x86);
    expect((await login("c", "joe", "new")).connack.reasonCode).toBe(0);
  });

  test("that is broken changes nothing", async () => {
    write("usr joe");
    await access.reload();
    expect(access.metrics().get("usersFileReloadsFailed")).toBe(1);
    expect((await login("c", "joe", "right")).connack.reasonCode).toBe(0);
  });
});

interface Dialogue {
  readonly client: RigClient;
  readonly scram: ScramClient;
}

/** CONNECT with the first message; the server's AUTH is in the inbox. */
async function begin(name = "joe", password = "right", more: object = {}): Promise<Dialogue> {
  const scram = new ScramClient(name, password, "clientNonce");
  const client = await rig.connect(node, "c", {
    properties: { authenticationMethod: method, authenticationData: scram.first(), ...more },
  });
  return { client, scram };
}

function auth(client: RigClient, reasonCode: number, data?: Buffer, name = method): void {
  const properties = { authenticationMethod: name, ...(data ? { authenticationData: data } : {}) };
  client.send({ cmd: "auth", reasonCode, properties } as Parameters<RigClient["send"]>[0]);
}

async function finish({ client, scram }: Dialogue): Promise<void> {
  const [challenge] = client.take("auth");
  expect(challenge).toMatchObject({
    reasonCode: 0x18,
    properties: { authenticationMethod: method },
  });
  auth(client, 0x18, scram.final(challenge?.properties?.authenticationData as Buffer));
  await rig.settle();
}

describe("SCRAM-SHA-256", () => {
  test("lets in who proves the password, and proves to it that the server knows it [MQTT-4.12.0-2]", async () => {
    const dialogue = await begin();
    await finish(dialogue);
    const [connack] = dialogue.client.take("connack");
    expect(connack).toMatchObject({ reasonCode: 0, properties: { authenticationMethod: method } });
    const proof = connack?.properties?.authenticationData as Buffer;
    expect(dialogue.scram.isProvedBy(proof)).toBe(true);
    dialogue.client.publish("secret", "1", { qos: 1, messageId: 1 });
    await rig.settle();
    expect(dialogue.client.take("puback")[0]?.reasonCode).toBe(0x87);
  });

  test.each([
    ["a wrong password", "joe", "wrong"],
    ["an unknown user", "nobody", "right"],
  ])("refuses %s at the end, with 0x86", async (_what, name, password) => {
    const dialogue = await begin(name, password);
    await finish(dialogue);
    expect(dialogue.client.take("connack")[0]?.reasonCode).toBe(0x86);
    expect(dialogue.client.isEnded).toBe(true);
  });

  test("shows strangers the same salt each time, and the iterations of the others", async () => {
    const challenge = async () => {
      const { client } = await begin("nobody");
      return client.take("auth")[0]?.properties?.authenticationData?.toString().split(",").slice(1);
    };
    const first = await challenge();
    expect(await challenge()).toEqual(first);
    expect(first?.[1]).toBe("i=4096");
  });

  test("begins with the server when the client leaves it the first word", async () => {
    const scram = new ScramClient("joe", "right", "n");
    const client = await rig.connect(node, "c", { properties: { authenticationMethod: method } });
    expect(client.take("auth")[0]?.reasonCode).toBe(0x18);
    auth(client, 0x18, scram.first());
    await rig.settle();
    await finish({ client, scram });
    expect(client.take("connack")[0]?.reasonCode).toBe(0);
  });

  test("is the only method: another one gets 0x8C, and so does every one without users", async () => {
    const properties = { authenticationMethod: "SCRAM-SHA-1" };
    const client = await rig.connect(node, "c", { properties });
    expect(client.take("connack")[0]?.reasonCode).toBe(0x8c);
    const open = new ClientAccess({
      usersFile: null,
      isAnonymousAllowed: true,
      clock: rig.clock,
      log: silentLog,
    });
    expect(open.authenticator.beginExchange?.(method, {} as never)).toBeNull();
  });

  test.each([
    ["malformed", Buffer.from("p=tls-unique,,n=joe,r=x"), 0x87],
    ["of another kind", Buffer.from([0xff, 0xfe]), 0x87],
    ["huge", Buffer.alloc(60_000, 0x61), 0x87],
  ])("refuses a first message that is %s", async (_what, data, code) => {
    const properties = { authenticationMethod: method, authenticationData: data };
    const client = await rig.connect(node, "c", { properties });
    expect(client.take("connack")[0]?.reasonCode).toBe(code);
    expect(node.broker.counters.connectsAuthenticationMalformed).toBe(1);
  });

  test("takes nothing but AUTH and DISCONNECT before CONNACK [MQTT-3.1.2-30]", async () => {
    const rude = (await begin()).client;
    rude.subscribe("#");
    await rig.settle();
    expect(rude.take("connack")[0]?.reasonCode).toBe(0x82);
    const polite = (await begin()).client;
    polite.send({ cmd: "disconnect", reasonCode: 0 });
    await rig.settle();
    expect([polite.isEnded, polite.take("connack")]).toEqual([true, []]);
    const hasty = rig.open(node);
    hasty.connect("c", {
      properties: { authenticationMethod: method, authenticationData: Buffer.from("n,,n=joe,r=x") },
    });
    hasty.subscribe("#");
    await rig.settle();
    expect(hasty.take("connack")[0]?.reasonCode).toBe(0x82);
  });

  test("answers another method or reason code in the middle with 0x82 [MQTT-4.12.0-5]", async () => {
    for (const [code, name] of [
      [0x18, "OTHER"],
      [0x19, method],
      [0, method],
    ] as const) {
      const { client } = await begin();
      auth(client, code, Buffer.from("x"), name);
      await rig.settle();
      expect(client.take("connack")[0]?.reasonCode).toBe(0x82);
    }
  });

  test("waits ten seconds for an answer, not more", async () => {
    const { client } = await begin();
    await rig.pass(9800);
    expect(client.isEnded).toBe(false);
    await rig.pass(400);
    expect(client.take("connack")[0]?.reasonCode).toBe(0x87);
    expect(client.isEnded).toBe(true);
    expect(node.broker.counters.authenticationTimeouts).toBe(1);
  });

  test("does not begin with an AUTH", async () => {
    const client = rig.open(node);
    auth(client, 0x18, Buffer.from("n,,n=joe,r=x"));
    await rig.settle();
    expect(client.isEnded).toBe(true);
  });

  test("goes by its own name: another one in CONNECT is refused", async () => {
    const scram = new ScramClient("joe", "right", "n");
    const client = await rig.connect(node, "c", {
      username: "bound",
      properties: { authenticationMethod: method, authenticationData: scram.first() },
    });
    await finish({ client, scram });
    expect(client.take("connack")[0]?.reasonCode).toBe(0x86);
  });

  test("is not begun for a client that takes no packet as large as the AUTH", async () => {
    const { client } = await begin("joe", "right", { maximumPacketSize: 40 });
    expect(client.take("connack")[0]?.reasonCode).toBe(0x95);
  });
});

describe("authentication again", () => {
  let dialogue: Dialogue;

  beforeEach(async () => {
    dialogue = await begin();
    await finish(dialogue);
    dialogue.client.take("connack");
  });

  async function again(name = "joe", password = "right"): Promise<Dialogue> {
    const scram = new ScramClient(name, password, "again");
    auth(dialogue.client, 0x19, scram.first());
    await rig.settle();
    return { client: dialogue.client, scram };
  }

  test("succeeds with AUTH 0x00 while messages flow", async () => {
    const second = await again();
    second.client.subscribe("a");
    second.client.publish("a", "between");
    await rig.settle();
    expect(second.client.texts()).toEqual(["a=between"]);
    await finish(second);
    const [success] = second.client.take("auth");
    expect(success).toMatchObject({ reasonCode: 0, properties: { authenticationMethod: method } });
    expect(second.scram.isProvedBy(success?.properties?.authenticationData as Buffer)).toBe(true);
    await rig.pass(15_000);
    expect(second.client.isEnded).toBe(false);
  });

  test.each([
    ["a wrong password", "joe", "wrong"],
    ["another user", "bound", "right"],
  ])("with %s ends the connection with 0x87 [MQTT-4.12.1-2]", async (_what, name, password) => {
    await finish(await again(name, password));
    expect(dialogue.client.take("disconnect")[0]?.reasonCode).toBe(0x87);
    expect(dialogue.client.isEnded).toBe(true);
    expect(node.broker.counters.reauthenticationsFailed).toBe(1);
  });

  test("ends it with 0x82 for another method, or an AUTH out of turn [MQTT-4.12.1-1]", async () => {
    auth(dialogue.client, 0x19, Buffer.from("x"), "OTHER");
    await rig.settle();
    expect(dialogue.client.take("disconnect")[0]?.reasonCode).toBe(0x82);
    for (const codes of [[0x18], [0x19, 0x19], [0]]) {
      const fresh = await begin();
      await finish(fresh);
      for (const code of codes) auth(fresh.client, code, Buffer.from("n,,n=joe,r=x"));
      await rig.settle();
      expect(fresh.client.take("disconnect")[0]?.reasonCode).toBe(0x82);
    }
  });

  test("that stops in the middle ends the connection after ten seconds", async () => {
    await again();
    await rig.pass(10_200);
    expect(dialogue.client.take("disconnect")[0]?.reasonCode).toBe(0x87);
    expect(node.broker.counters.authenticationTimeouts).toBe(1);
  });
});
