import { expect, test } from "vitest";
import { ReadMemory } from "../../../src/listeners/read-memory.ts";
import { BrokerRig } from "../../support/broker-rig.ts";

const memory = new ReadMemory();

test("MQTT 5 hears the broker's limits and its assigned client identifier", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ keepAliveSecondsMax: 60, sessionExpirySecondsMax: 100 });
  const client = await rig.connect(node, "", { properties: { sessionExpiryInterval: 1000 } });
  const [connack] = client.take("connack");
  expect(connack?.reasonCode).toBe(0);
  expect(connack?.properties?.assignedClientIdentifier).toMatch(/^flockmq-/);
  expect(connack?.properties).toMatchObject({
    receiveMaximum: 1000,
    serverKeepAlive: 60,
    sessionExpiryInterval: 100,
  });
});

test("MQTT 3.1.1: keep alive 0 is accepted under a cap; no identifier needs a clean session", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ keepAliveSecondsMax: 60 });
  const client = await rig.connect(node, "c", { protocolVersion: 4 });
  expect(client.take("connack")[0]?.returnCode).toBe(0);
  await rig.pass(100_000);
  expect(client.isEnded).toBe(false);
  const nameless = rig.open(node, 4);
  // The reference codec refuses to write what the standard forbids: CleanSession 0 without a client identifier.
  const connect = [0x10, 0x0c, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 0, 0, 0, 0, 0];
  memory.useGiven(Buffer.from(connect), nameless.handler!);
  await rig.settle();
  expect(nameless.take("connack")[0]?.returnCode).toBe(2);
  expect(nameless.isEnded).toBe(true);
});

test("who is not let in hears why", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode(
    {},
    {
      authenticator: {
        authenticate: async ({ username, password }) =>
          password?.toString() === "right"
            ? { isAllowed: true, username }
            : { isAllowed: false, reasonCode: 0x86, reason: "wrong-password", detail: "" },
      },
    },
  );
  const wrong = await rig.connect(node, "c", { username: "u", password: Buffer.from("no") });
  expect(wrong.take("connack")[0]?.reasonCode).toBe(0x86);
  expect(wrong.isEnded).toBe(true);
  const right = await rig.connect(node, "c", { username: "u", password: Buffer.from("right") });
  expect(right.take("connack")[0]?.reasonCode).toBe(0);
});

test("a second connection of a client takes over: 0x8E for the first", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const first = await rig.connect(node, "c");
  const second = await rig.connect(node, "c");
  expect(first.take("disconnect")[0]?.reasonCode).toBe(0x8e);
  expect(first.isEnded).toBe(true);
  expect(second.take("connack")[0]?.reasonCode).toBe(0);
  expect(node.broker.figures()).toMatchObject({ connections: 1, sessions: 1 });
});

test("a session is resumed with its queue, and ended by clean start or expiry", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const properties = { sessionExpiryInterval: 60 };
  const first = await rig.connect(node, "c", { properties });
  first.subscribe("a", { qos: 1 });
  await rig.settle();
  first.drop();
  const publisher = await rig.connect(node, "pub");
  publisher.publish("a", "1", { qos: 1, messageId: 1 });
  await rig.settle();
  const second = await rig.connect(node, "c", { properties, clean: false });
  expect(second.take("connack")[0]?.sessionPresent).toBe(true);
  expect(second.texts()).toEqual(["a=1"]);
  second.drop();
  await rig.pass(60_200);
  expect(node.replica.sessions.expiredCount).toBe(1);
  expect(node.replica.ownerOf("c")).toBeNull();
  const third = await rig.connect(node, "c", { properties, clean: false });
  expect(third.take("connack")[0]?.sessionPresent).toBe(false);
  const fourth = await rig.connect(node, "c", { properties, clean: true });
  expect(fourth.take("connack")[0]?.sessionPresent).toBe(false);
  expect(node.broker.figures().subscriptions).toBe(0);
});

test("without a quorum a clean session is accepted within half a second, and claimed afterwards", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  rig.flock.isQuorate = false;
  const client = await rig.connect(node, "c");
  expect(client.take("connack")).toEqual([]);
  await rig.pass(500);
  expect(client.take("connack")[0]?.reasonCode).toBe(0);
  await rig.pass(12_000);
  rig.flock.isQuorate = true;
  await rig.pass(2000);
  expect(node.replica.ownerOf("c")?.nodeId).toBe(node.cluster.nodeId);
  client.send({ cmd: "disconnect", reasonCode: 0 });
  await rig.settle();
  expect(node.replica.ownerOf("c")).toBeNull();
});

test("without a quorum a session that shall last is refused with 0x88 after ten seconds", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  rig.flock.isQuorate = false;
  const client = await rig.connect(node, "c", { properties: { sessionExpiryInterval: 60 } });
  await rig.pass(9900);
  expect(client.take("connack")).toEqual([]);
  await rig.pass(200);
  expect(client.take("connack")[0]?.reasonCode).toBe(0x88);
});

test("packets sent behind CONNECT wait for CONNACK", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const client = rig.open(node);
  client.connect("c");
  client.subscribe("a");
  client.publish("a", "early");
  await rig.settle();
  expect(client.inbox.map(({ cmd }) => cmd)).toEqual(["connack", "suback", "publish"]);
  expect(client.isReadingPaused).toBe(false);
});

test("a socket without CONNECT is closed after ten seconds, and too many are refused", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ pendingConnectionsMax: 2 });
  const silent = [rig.open(node), rig.open(node)];
  expect(rig.tryOpen(node)).toBeNull();
  await rig.pass(10_200);
  expect(silent.map(({ isEnded }) => isEnded)).toEqual([true, true]);
  await rig.pass(2_200);
  expect(silent.map(({ isDestroyed }) => isDestroyed)).toEqual([true, true]);
  expect(rig.tryOpen(node)).not.toBeNull();
  expect(node.broker.counters).toMatchObject({ connectTimeouts: 2, connectionsRefused: 1 });
});

test("connections beyond the rate are refused until time has passed", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ connectionsPerSecondMax: 3 });
  const opened = [1, 2, 3, 4].map(() => rig.tryOpen(node) !== null);
  expect(opened).toEqual([true, true, true, false]);
  expect(node.broker.counters.connectionsRateRefused).toBe(1);
  await rig.pass(400);
  expect(rig.tryOpen(node)).not.toBeNull();
});

test("a silent client is disconnected after one and a half keep alives, not before", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const client = await rig.connect(node, "c", { keepalive: 10 });
  await rig.pass(14_000);
  client.send({ cmd: "pingreq" });
  await rig.pass(14_900);
  expect(client.isEnded).toBe(false);
  await rig.pass(300);
  expect(client.take("disconnect")[0]?.reasonCode).toBe(0x8d);
});

test("what is no MQTT gets nothing, a second CONNECT gets 0x82, rubbish gets 0x81", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const rude = rig.open(node);
  memory.useGiven(Buffer.from("GET / HTTP/1.1\r\n\r\n"), rude.handler!);
  await rig.settle();
  expect([rude.isEnded, rude.inbox]).toEqual([true, []]);
  const twice = await rig.connect(node, "twice");
  twice.connect("twice");
  await rig.settle();
  expect(twice.take("disconnect")[0]?.reasonCode).toBe(0x82);
  const broken = await rig.connect(node, "broken");
  memory.useGiven(Buffer.from([0x36, 0x02, 0x00, 0x01]), broken.handler!);
  await rig.settle();
  expect(broken.take("disconnect")[0]?.reasonCode).toBe(0x81);
  expect(node.broker.counters.malformedPackets).toBeGreaterThan(0);
  expect(rig.log.errors).toEqual([]);
});

test("shutting down tells every client and waits for the sockets", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const client = await rig.connect(node, "c");
  const stopped = node.broker.stop(1000);
  await rig.pass(100);
  expect(client.take("disconnect")[0]?.reasonCode).toBe(0x8b);
  client.drop();
  await rig.pass(200);
  await stopped;
  expect(rig.tryOpen(node)).toBeNull();
});

test("a client that takes no packet as large as its CONNACK hears 0x95, or nothing [MQTT-3.1.2-24]", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  for (const [maximumPacketSize, codes] of [
    [4, []],
    [5, [0x95]],
    [15, [0x95]],
    [16, [0]],
  ] as const) {
    const client = await rig.connect(node, "c", { properties: { maximumPacketSize } });
    expect(client.take("connack").map(({ reasonCode }) => reasonCode)).toEqual(codes);
    expect(client.isEnded).toBe(codes[0] !== 0);
  }
});

test("a SUBACK that the client does not take ends its connection with 0x95 [MQTT-3.1.2-24]", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const client = await rig.connect(node, "c", { properties: { maximumPacketSize: 16 } });
  const subscriptions = Array.from({ length: 12 }, (_, at) => ({
    topic: `${at}`,
    qos: 0 as const,
  }));
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: subscriptions.slice(1) });
  await rig.settle();
  expect(client.take("suback")).toHaveLength(1);
  client.send({ cmd: "subscribe", messageId: 2, subscriptions });
  await rig.settle();
  expect(client.take("suback")).toEqual([]);
  expect(client.take("disconnect")[0]?.reasonCode).toBe(0x95);
  expect(node.broker.counters.packetsTooLarge).toBe(1);
});
