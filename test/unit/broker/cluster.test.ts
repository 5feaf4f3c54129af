import type { Packet } from "mqtt-packet";
import { expect, test } from "vitest";
import { BrokerRig } from "../../support/broker-rig.ts";

test("a message crosses to another node once, and is never forwarded again", async () => {
  const rig = new BrokerRig();
  const [one, two, three] = [rig.addNode(), rig.addNode(), rig.addNode()];
  const subscribers = [];
  for (const [at, node] of [one, two, three].entries()) {
    const subscriber = await rig.connect(node, `sub${at}`);
    subscriber.subscribe("a/#", { qos: 1 });
    subscribers.push(subscriber);
  }
  await rig.settle();
  const publisher = await rig.connect(one, "pub");
  publisher.publish("a/b", "1", { qos: 1, messageId: 1 });
  await rig.settle();
  expect(subscribers.map((subscriber) => subscriber.texts())).toEqual([
    ["a/b=1"],
    ["a/b=1"],
    ["a/b=1"],
  ]);
  expect(one.broker.counters.forwardSent).toBe(2);
  expect(two.broker.counters.forwardSent + three.broker.counters.forwardSent).toBe(0);
});

test("a retained message acknowledged on one node is what a later subscriber gets on another", async () => {
  const rig = new BrokerRig();
  const [one, two] = [rig.addNode(), rig.addNode()];
  const publisher = await rig.connect(one, "pub");
  publisher.publish("a", "1", { qos: 1, retain: true, messageId: 1 });
  await rig.settle();
  const subscriber = await rig.connect(two, "sub");
  subscriber.subscribe("a");
  await rig.settle();
  expect(subscriber.take("publish").map(({ retain }) => retain)).toEqual([true]);
});

test("a client that connects to another node is disconnected here, and its session moves with its queue", async () => {
  const rig = new BrokerRig();
  const [one, two] = [rig.addNode(), rig.addNode()];
  const properties = { sessionExpiryInterval: 600 };
  const first = await rig.connect(one, "c", { properties });
  first.subscribe("a", { qos: 1 });
  await rig.settle();
  first.drop();
  const publisher = await rig.connect(one, "pub");
  publisher.publish("a", "1", { qos: 1, messageId: 1 });
  await rig.settle();
  const second = await rig.connect(two, "c", { properties, clean: false });
  expect(second.take("connack")[0]?.sessionPresent).toBe(true);
  expect(second.texts()).toEqual(["a=1"]);
  publisher.publish("a", "2", { qos: 1, messageId: 2 });
  await rig.settle();
  expect(second.texts()).toEqual(["a=2"]);
  const third = await rig.connect(one, "c", { properties, clean: false });
  expect(second.take("disconnect")[0]?.reasonCode).toBe(0x8e);
  expect(third.take("connack")[0]?.sessionPresent).toBe(true);
  expect(one.broker.figures()).toMatchObject({ connections: 2, sessions: 2 });
  expect(two.broker.figures()).toMatchObject({ connections: 0, subscriptions: 0 });
  expect(rig.log.errors).toEqual([]);
});

test("a session survives the death of its node, with what it missed", async () => {
  const rig = new BrokerRig();
  const [one, two] = [rig.addNode(), rig.addNode()];
  const properties = { sessionExpiryInterval: 600 };
  const first = await rig.connect(one, "c", { properties });
  first.subscribe("a", { qos: 1 });
  await rig.settle();
  one.cluster.setDown(true);
  const publisher = await rig.connect(two, "pub");
  publisher.publish("a", "1", { qos: 1, messageId: 1 });
  await rig.settle();
  const again = await rig.connect(two, "c", { properties, clean: false });
  expect(again.take("connack")[0]?.sessionPresent).toBe(true);
  expect(again.texts()).toEqual(["a=1"]);
});

test("a node that does not answer costs the client one second at most", async () => {
  const rig = new BrokerRig();
  const [one, two] = [rig.addNode(), rig.addNode()];
  const properties = { sessionExpiryInterval: 600 };
  await rig.connect(one, "c", { properties });
  // It still counts as up, so it is asked.
  one.cluster.isDown = true;
  Object.defineProperty(two.cluster, "members", {
    value: () => one.cluster.members().map((member) => ({ ...member, state: "up" })),
  });
  const again = await rig.connect(two, "c", { properties, clean: false });
  expect(again.take("connack")).toEqual([]);
  await rig.pass(1000);
  expect(again.take("connack")[0]?.sessionPresent).toBe(true);
});

test("connects of one client on two nodes at once leave exactly one connection", async () => {
  const rig = new BrokerRig();
  const nodes = [rig.addNode(), rig.addNode()];
  const clients = nodes.map((node) => rig.open(node));
  for (const client of clients) client.connect("c", { properties: { sessionExpiryInterval: 60 } });
  await rig.pass(2000);
  expect(clients.filter(({ isEnded }) => !isEnded)).toHaveLength(1);
  const owner = nodes[0]?.replica.ownerOf("c");
  const alive = clients.findIndex(({ isEnded }) => !isEnded);
  expect(owner?.nodeId).toBe(nodes[alive]?.cluster.nodeId);
});

test("a client that goes and comes back at once keeps its session, and neither node waits for the other", async () => {
  const rig = new BrokerRig();
  const [one, two] = [rig.addNode(), rig.addNode()];
  const properties = { sessionExpiryInterval: 600 };
  const first = await rig.connect(one, "c", { properties });
  first.subscribe("a", { qos: 1 });
  await rig.settle();
  for (let round = 0; round < 5; round++) {
    const clients = [two, one, two, one].map((node) => {
      const client = rig.open(node);
      client.connect("c", { properties, clean: false });
      return client;
    });
    await rig.settle();
    expect(clients.at(-1)?.take("connack")[0]).toMatchObject({ sessionPresent: true });
  }
  const { counters } = two.broker;
  expect(one.broker.counters.takeoversUnanswered + counters.takeoversUnanswered).toBe(0);
  expect(one.broker.figures()).toMatchObject({ sessions: 1, subscriptions: 1 });
  expect(rig.log.errors).toEqual([]);
});

test("a shared subscription across nodes gives each message to one member; a node that refuses is passed over", async () => {
  const rig = new BrokerRig();
  const [one, two, three] = [rig.addNode(), rig.addNode(), rig.addNode()];
  const members = [];
  for (const [at, node] of [two, three].entries()) {
    const member = await rig.connect(node, `m${at}`);
    member.subscribe("$share/g/job", { qos: 1 });
    members.push(member);
  }
  await rig.settle();
  const publisher = await rig.connect(one, "pub");
  for (let messageId = 1; messageId <= 10; messageId++) {
    publisher.publish("job", String(messageId), { qos: 1, messageId });
  }
  await rig.settle();
  const counts = members.map((member) => member.texts().length);
  expect(counts.reduce((sum, count) => sum + count)).toBe(10);
  one.cluster.refusing.add(two.cluster.nodeId);
  for (let messageId = 11; messageId <= 20; messageId++) {
    publisher.publish("job", String(messageId), { qos: 1, messageId });
  }
  await rig.settle();
  expect(members[1]?.texts()).toHaveLength(10);
  expect(one.broker.counters.sharesMissed).toBe(0);
});

test("what comes for a member of a shared subscription that has just left goes to one of another node", async () => {
  const rig = new BrokerRig();
  const [one, two, three] = [rig.addNode(), rig.addNode(), rig.addNode()];
  const leaving = await rig.connect(two, "leaving");
  leaving.subscribe("$share/g/job", { qos: 1 });
  await rig.settle();
  const publisher = await rig.connect(one, "pub");
  const staying = await rig.connect(three, "staying");
  staying.subscribe("$share/g/job", { qos: 1 });
  await rig.settle();
  // On the way between the nodes when the member leaves.
  for (let messageId = 1; messageId <= 10; messageId++) {
    publisher.publish("job", String(messageId), { qos: 1, messageId });
  }
  leaving.send({ cmd: "unsubscribe", messageId: 99, unsubscriptions: ["$share/g/job"] });
  await rig.settle();
  expect(new Set([...leaving.texts(), ...staying.texts()]).size).toBe(10);
  expect(two.broker.counters.sharesRepicked).toBeGreaterThan(0);
  expect(two.broker.counters.sharesMissed).toBe(0);
});

test("a frame that cannot be read is counted and dropped", async () => {
  const rig = new BrokerRig();
  const [one, two] = [rig.addNode(), rig.addNode()];
  one.cluster.forward(two.cluster.nodeId, new Uint8Array([9, 9, 9]), "atMostOnce");
  await rig.settle();
  expect(two.broker.counters.forwardMalformed).toBe(1);
});

test("what a node still holds for a client that moved on is neither written nor acknowledged", async () => {
  const rig = new BrokerRig();
  const [one, two] = [rig.addNode(), rig.addNode()];
  const first = await rig.connect(one, "c");
  rig.flock.isQuorate = false;
  const second = rig.open(two);
  second.connect("c", { properties: { sessionExpiryInterval: 60 } });
  await rig.settle();
  // In the log behind the other node's claim.
  first.publish("a", "late", { qos: 1, retain: true, messageId: 1 });
  first.publish("sensors/r/x", "1", { qos: 1, messageId: 2 });
  await rig.settle();
  rig.flock.isQuorate = true;
  await rig.settle();
  expect(second.take("connack")[0]?.reasonCode).toBe(0);
  expect(first.isEnded).toBe(true);
  expect(first.take("puback").filter(({ reasonCode }) => (reasonCode ?? 0) < 0x80)).toEqual([]);
  expect(one.replica.getRetained("a")).toBeNull();
  expect(two.replica.devices.get("r")).toBeNull();
});

test("what a client acknowledged behind the claim of another node is answered by that node alone, so that QoS 2 stays exactly once", async () => {
  const rig = new BrokerRig();
  const [one, two] = [rig.addNode(), rig.addNode()];
  const stored = { clean: false, properties: { sessionExpiryInterval: 60 } };
  const first = await rig.connect(one, "c", stored);
  first.subscribe("a", { qos: 2 });
  await rig.settle();
  first.publish("a", "once", { qos: 2, messageId: 7 });
  await rig.settle();
  const [delivered] = first.take("publish");
  expect(first.take("pubrec")).toHaveLength(1);
  rig.flock.isQuorate = false;
  const second = rig.open(two);
  second.connect("c", stored);
  await rig.settle();
  // In the log behind the other node's claim.
  first.send({ cmd: "pubrec", messageId: delivered?.messageId ?? 0 } as Packet);
  first.send({ cmd: "pubrel", messageId: 7 } as Packet);
  await rig.settle();
  rig.flock.isQuorate = true;
  await rig.settle();
  // With PUBCOMP the client would use identifier 7 anew, while the other node takes it for the old one.
  expect(first.isEnded).toBe(true);
  expect([...first.take("pubrel"), ...first.take("pubcomp")]).toEqual([]);
  expect(second.take("publish")).toEqual([]);
  expect(second.take("pubrel")).toMatchObject([{ messageId: delivered?.messageId }]);
  second.send({ cmd: "pubrel", messageId: 7 } as Packet);
  await rig.settle();
  expect(second.take("pubcomp")).toMatchObject([{ messageId: 7, reasonCode: 0 }]);
});

test("the state that a client publishes in its last breath is kept", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const client = await rig.connect(node, "c");
  client.publish("sensors/r/x", "1");
  client.send({ cmd: "disconnect", reasonCode: 0 });
  await rig.settle();
  expect(node.replica.devices.get("r")?.attributes.get("x")?.value).toBe(1);
});
