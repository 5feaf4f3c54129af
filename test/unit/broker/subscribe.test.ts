import { expect, test } from "vitest";
import { BrokerRig, type RigNode } from "../../support/broker-rig.ts";
import { retain as retainCommand } from "../../support/replica-model.ts";

async function retain(rig: BrokerRig, node: RigNode, topics: readonly string[]): Promise<void> {
  const publisher = await rig.connect(node, "retainer");
  for (const [at, topic] of topics.entries()) {
    publisher.publish(topic, String(at), { qos: 1, retain: true, messageId: at + 1 });
  }
  await rig.settle();
  expect(publisher.take("puback")).toHaveLength(topics.length);
}

test("retain handling: always, only when new, never; never for shared subscriptions", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  await retain(rig, node, ["a"]);
  const client = await rig.connect(node, "c");
  const received: number[] = [];
  for (const [topic, rh] of [
    ["a", 1],
    ["a", 1],
    ["a", 0],
    ["a", 2],
    ["$share/g/a", 0],
  ] as const) {
    client.subscribe(topic, { rh });
    await rig.settle();
    received.push(client.texts().length);
  }
  expect(received).toEqual([1, 0, 1, 0, 0]);
});

test("retained messages come first, then the live ones that are newer", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  await retain(rig, node, ["a"]);
  const publisher = await rig.connect(node, "pub");
  const subscriber = await rig.connect(node, "sub");
  subscriber.subscribe("#", { qos: 1, rap: true });
  publisher.publish("a", "live", { qos: 1, messageId: 1 });
  publisher.publish("a", "new", { qos: 1, retain: true, messageId: 2 });
  await rig.settle();
  const order = subscriber.inbox.map((packet) =>
    packet.cmd === "publish" ? `${packet.payload.toString()} ${packet.retain}` : packet.cmd,
  );
  expect(order.slice(0, 3)).toEqual(["connack", "suback", order[2]]);
  // Whatever the race, nothing comes after the newest value, and the plain live message is not lost.
  expect(order.at(-1)).toBe("new true");
  expect(order).toContain("live false");
});

test("a message that another node sends late does not follow the newer retained copy", async () => {
  const rig = new BrokerRig();
  const [near, far] = [rig.addNode(), rig.addNode()];
  const watcher = await rig.connect(near, "watcher");
  watcher.subscribe("a", { qos: 1 });
  await rig.settle();
  const publisher = await rig.connect(far, "pub");
  const frames: Uint8Array[] = [];
  const forward = far.cluster.forward.bind(far.cluster);
  far.cluster.forward = (_to, frame) => {
    frames.push(Uint8Array.from(frame));
    return "queued";
  };
  publisher.publish("a", "old", { qos: 1, retain: true, messageId: 1 });
  publisher.publish("a", "new", { qos: 1, retain: true, messageId: 2 });
  await rig.settle();
  const subscriber = await rig.connect(near, "sub");
  subscriber.subscribe("a", { qos: 1 });
  await rig.settle();
  for (const frame of frames) forward(near.cluster.nodeId, frame, "atLeastOnce");
  await rig.settle();
  expect(watcher.texts()).toEqual(["a=old", "a=new"]);
  expect(subscriber.texts()).toEqual(["a=new"]);
});

test("a flood of retained messages is paced by the client and loses nothing", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ retainedPerTurn: 10 });
  const topics = Array.from({ length: 300 }, (_, at) => `t/${at}`);
  await retain(rig, node, topics);
  const client = await rig.connect(node, "c", { properties: { receiveMaximum: 5 } });
  client.subscribe("#", { qos: 1 });
  await rig.settle();
  const seen = new Set<string>();
  for (let round = 0; round < 200 && seen.size < topics.length; round++) {
    const batch = client.take("publish");
    expect(batch.length).toBeLessThanOrEqual(5);
    for (const { topic, messageId } of batch) {
      seen.add(topic);
      client.send({ cmd: "puback", messageId: messageId ?? 0, reasonCode: 0 });
    }
    await rig.settle();
  }
  expect(seen.size).toBe(300);
  expect(node.broker.counters.droppedQueueFull).toBe(0);
});

test("a congested client gets its retained messages when it reads again, even at QoS 0", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  await retain(rig, node, ["a", "b", "c"]);
  const client = await rig.connect(node, "c");
  client.heldSizeBytes = 5 * 1024 * 1024;
  client.subscribe("#");
  await rig.settle();
  expect(client.texts()).toEqual([]);
  client.heldSizeBytes = 0;
  client.handler?.drained();
  await rig.settle();
  expect(client.texts().sort()).toEqual(["a=0", "b=1", "c=2"]);
});

test("without a quorum the local retained copy is served after two seconds, and counted", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  await retain(rig, node, ["a"]);
  const client = await rig.connect(node, "c");
  rig.flock.isQuorate = false;
  client.subscribe("a");
  await rig.pass(1900);
  expect(client.take("suback")).toEqual([]);
  await rig.pass(200);
  expect(client.take("suback")).toHaveLength(1);
  await rig.settle();
  expect(client.texts()).toEqual(["a=0"]);
  expect(node.broker.counters.staleRetainedReads).toBe(1);
});

test("UNSUBSCRIBE says whether there was something, and ends the route", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const client = await rig.connect(node, "c");
  client.subscribe("a");
  await rig.settle();
  client.send({ cmd: "unsubscribe", messageId: 2, unsubscriptions: ["a", "b"] });
  client.publish("a", "1");
  await rig.settle();
  expect(client.take("unsuback")[0]?.granted).toEqual([0x00, 0x11]);
  expect(client.texts()).toEqual([]);
});

test("more subscriptions than allowed are refused one by one", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ subscriptionsPerSessionMax: 2 });
  const client = await rig.connect(node, "c");
  const subscriptions = ["a", "b", "c"].map((topic) => ({
    topic,
    qos: 1 as const,
    nl: false,
    rap: false,
    rh: 0,
  }));
  client.send({ cmd: "subscribe", messageId: 1, subscriptions });
  await rig.settle();
  expect(client.take("suback")[0]?.granted).toEqual([1, 1, 0x97]);
});

test("$SYS answers a subscriber at once, stays on its node, and cannot be written", async () => {
  const rig = new BrokerRig();
  const two = rig.addNode();
  const one = rig.addNode({}, { sysIntervalMs: 10_000 });
  const client = await rig.connect(one, "c");
  client.subscribe("$SYS/#");
  await rig.settle();
  const values = new Map(client.take("publish").map(({ topic, payload }) => [topic, `${payload}`]));
  expect(values.get("$SYS/broker/version")).toBe("flockmq version 0.0.0");
  expect(values.get("$SYS/broker/retained messages/count")).toBe("0");
  expect(values.get("$SYS/cluster/nodes/n1/state")).toBe("up");
  await rig.pass(10_200);
  expect(client.texts()).toContain("$SYS/broker/clients/connected=1");
  expect(two.broker.counters.forwardReceived).toBe(0);
  const everything = await rig.connect(one, "all");
  everything.subscribe("#");
  await rig.settle();
  expect(everything.texts()).toEqual([]);
});

test("a retained message keeps no encoded forms, whoever read it", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  await retain(rig, node, ["a"]);
  for (const name of ["one", "two", "three"]) {
    const client = await rig.connect(node, name);
    client.subscribe("a", { qos: 1 });
    await rig.settle();
    expect(client.texts()).toEqual(["a=0"]);
  }
  expect(node.replica.getRetained("a")?.wire).toBeNull();
});

test("retained messages that change while they are sent come once, as they are when their turn comes", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ retainedStepsPerTurn: 1 });
  const topics = Array.from({ length: 40 }, (_, at) => `t/${at + 10}`);
  await retain(rig, node, topics);
  const publisher = await rig.connect(node, "pub");
  const client = await rig.connect(node, "c", { properties: { receiveMaximum: 2 } });
  client.subscribe("t/#", { qos: 1 });
  await rig.settle();
  const seen: string[] = [];
  const take = async (): Promise<void> => {
    for (const { topic, payload, retain: isRetained, messageId } of client.take("publish")) {
      seen.push(`${topic}=${payload}${isRetained ? " retained" : ""}`);
      client.send({ cmd: "puback", messageId: messageId ?? 0, reasonCode: 0 });
    }
    await rig.settle();
  };
  await take();
  expect(seen).toHaveLength(2);
  for (const [at, [topic, payload]] of [
    ...[["t/10", "later"] as const, ["t/48", "newer"] as const, ["t/47", ""] as const],
    ...[["t/1", "behind"] as const, ["t/9", "added"] as const],
  ].entries()) {
    publisher.publish(topic, payload, { qos: 1, retain: true, messageId: at + 1 });
  }
  await rig.settle();
  for (let round = 0; round < 40; round++) await take();
  const copies = topics.map((topic, at) => `${topic}=${topic === "t/48" ? "newer" : at} retained`);
  expect(seen.slice(0, 40)).toEqual([
    ...copies.filter((text) => !text.startsWith("t/47=")),
    "t/9=added retained",
  ]);
  expect(seen.slice(40)).toEqual(["t/10=later", "t/47=", "t/1=behind"]);
  expect(node.broker.counters.heldSuperseded).toBe(2);
});

test("a topic whose versions run ahead of the log keeps no message of another topic from a new subscriber", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  await retain(rig, node, ["cold"]);
  const nowhere = { put() {}, delete() {} };
  const { index } = rig.flock;
  for (let at = 0; at < 100; at++) {
    const context = { index, timeMs: rig.clock.wallMs(), origin: node.cluster.nodeId };
    node.replica.apply(retainCommand("hot", String(at)), context, nowhere);
  }
  const client = await rig.connect(node, "c");
  client.subscribe("#", { qos: 1 });
  await rig.settle();
  expect(client.texts().sort()).toEqual(["cold=0", "hot=99"]);
  const publisher = await rig.connect(node, "pub");
  publisher.publish("cold", "live", { qos: 1, retain: true, messageId: 1 });
  await rig.settle();
  expect(client.texts()).toEqual(["cold=live"]);
});
