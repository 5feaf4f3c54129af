import { expect, test } from "vitest";
import { BrokerRig } from "../../support/broker-rig.ts";

const will = { topic: "gone", payload: Buffer.from("bye"), qos: 1 as const, retain: false };

function delayed(willDelayInterval: number) {
  return { ...will, properties: { willDelayInterval } };
}

async function watched(rig: BrokerRig) {
  const node = rig.addNode();
  const watcher = await rig.connect(node, "watcher");
  watcher.subscribe("gone", { qos: 1 });
  await rig.settle();
  return { node, watcher };
}

test("a Will is published when the socket breaks, not after a goodbye", async () => {
  const rig = new BrokerRig();
  const { node, watcher } = await watched(rig);
  const polite = await rig.connect(node, "polite", { will });
  polite.send({ cmd: "disconnect", reasonCode: 0 });
  await rig.settle();
  expect(watcher.texts()).toEqual([]);
  const rude = await rig.connect(node, "rude", { will });
  rude.drop();
  await rig.settle();
  expect(watcher.texts()).toEqual(["gone=bye"]);
  const wanted = await rig.connect(node, "wanted", { will });
  wanted.send({ cmd: "disconnect", reasonCode: 4 });
  await rig.settle();
  expect(watcher.texts()).toEqual(["gone=bye"]);
});

test("a Will that the log holds reaches those who listen, too", async () => {
  const rig = new BrokerRig();
  const { node, watcher } = await watched(rig);
  for (const qos of [0, 1, 2] as const) {
    const rude = await rig.connect(node, "rude", { will: { ...will, qos, retain: true } });
    rude.drop();
    await rig.settle();
    expect(watcher.texts()).toEqual(["gone=bye"]);
  }
});

test("a delayed Will never comes early, and not at all when the client is back", async () => {
  const rig = new BrokerRig();
  const { node, watcher } = await watched(rig);
  const properties = { sessionExpiryInterval: 100 };
  const first = await rig.connect(node, "c", { properties, will: delayed(5) });
  first.drop();
  await rig.pass(4950);
  expect(watcher.texts()).toEqual([]);
  const second = await rig.connect(node, "c", { properties, will: delayed(5), clean: false });
  await rig.pass(10_000);
  expect(watcher.texts()).toEqual([]);
  second.drop();
  await rig.pass(5200);
  expect(watcher.texts()).toEqual(["gone=bye"]);
});

test("a Will does not outwait its session", async () => {
  const rig = new BrokerRig();
  const { node, watcher } = await watched(rig);
  const properties = { sessionExpiryInterval: 2 };
  const client = await rig.connect(node, "c", { properties, will: delayed(100) });
  client.drop();
  await rig.pass(1900);
  expect(watcher.texts()).toEqual([]);
  await rig.pass(300);
  expect(watcher.texts()).toEqual(["gone=bye"]);
  const again = await rig.connect(node, "c", {
    properties: { sessionExpiryInterval: 100 },
    will: delayed(100),
  });
  again.drop();
  await rig.settle();
  await rig.connect(node, "c", { clean: true });
  expect(watcher.texts()).toEqual(["gone=bye"]);
});

test("a delayed Will moves with its session: cancelled, or published when the client starts clean elsewhere", async () => {
  const rig = new BrokerRig();
  const other = rig.addNode();
  const { node, watcher } = await watched(rig);
  const properties = { sessionExpiryInterval: 100 };
  const first = await rig.connect(node, "c", { properties, will: delayed(60) });
  first.drop();
  const moved = await rig.connect(other, "c", { properties, clean: false });
  expect(moved.take("connack")[0]?.sessionPresent).toBe(true);
  await rig.pass(70_000);
  expect(watcher.texts()).toEqual([]);
  const second = await rig.connect(node, "d", { properties, will: delayed(60) });
  second.drop();
  await rig.connect(other, "d", { properties, clean: true });
  await rig.settle();
  expect(watcher.texts()).toEqual(["gone=bye"]);
});

test("a retained Will is retained", async () => {
  const rig = new BrokerRig();
  const { node } = await watched(rig);
  const client = await rig.connect(node, "c", { will: { ...will, retain: true } });
  client.drop();
  await rig.settle();
  expect(node.replica.getRetained("gone")?.payload.toString()).toBe("bye");
});

test("a Will on a topic that the client may not write is refused with the CONNECT", async () => {
  const rig = new BrokerRig();
  const authorizer = { canPublish: () => false, subscribeRefusal: () => null };
  const node = rig.addNode({}, { authorizer });
  const client = await rig.connect(node, "c", { will });
  expect(client.take("connack")[0]?.reasonCode).toBe(0x87);
});
