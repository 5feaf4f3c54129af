import { expect, test } from "vitest";
import { BrokerRig } from "../../support/broker-rig.ts";

test("a QoS 0 message reaches its subscriber within the turn", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const subscriber = await rig.connect(node, "sub");
  subscriber.subscribe("a/+");
  await rig.settle();
  expect(subscriber.take("suback")[0]?.granted).toEqual([0]);
  const publisher = await rig.connect(node, "pub");
  publisher.publish("a/b", "1");
  rig.clock.endTurns();
  expect(subscriber.texts()).toEqual(["a/b=1"]);
  expect(rig.log.errors).toEqual([]);
});

test("a retained QoS 1 message is acknowledged only after the log has it", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const publisher = await rig.connect(node, "pub");
  rig.flock.isQuorate = false;
  publisher.publish("a", "1", { qos: 1, retain: true, messageId: 7 });
  await rig.pass(5000);
  expect(publisher.take("puback")).toEqual([]);
  rig.flock.isQuorate = true;
  await rig.settle();
  expect(publisher.take("puback").map(({ messageId }) => messageId)).toEqual([7]);
  expect(node.replica.getRetained("a")?.payload.toString()).toBe("1");
});

test("without a quorum a waiting MQTT 5 publisher is sent away after ten seconds", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const modern = await rig.connect(node, "modern");
  const old = await rig.connect(node, "old", { protocolVersion: 4 });
  rig.flock.isQuorate = false;
  modern.publish("a", "1", { qos: 1, retain: true, messageId: 1 });
  old.publish("b", "1", { qos: 1, retain: true, messageId: 1 });
  await rig.pass(9900);
  expect([modern.isEnded, old.isEnded]).toEqual([false, false]);
  await rig.pass(200);
  expect(modern.take("disconnect")[0]?.reasonCode).toBe(0x89);
  expect([modern.isEnded, old.isEnded]).toEqual([true, true]);
  expect(modern.take("puback")).toEqual([]);
  expect(node.broker.counters.publishTimeouts).toBe(2);
});

test("an overloaded log answers 0x97 to MQTT 5 and closes MQTT 3.1.1", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const modern = await rig.connect(node, "modern");
  const old = await rig.connect(node, "old", { protocolVersion: 4 });
  node.cluster.rejection = "overloaded";
  modern.publish("a", "1", { qos: 1, retain: true, messageId: 1 });
  old.publish("b", "1", { qos: 1, retain: true, messageId: 1 });
  await rig.settle();
  expect(modern.take("puback")[0]?.reasonCode).toBe(0x97);
  expect(modern.isEnded).toBe(false);
  expect(old.take("puback")).toEqual([]);
  expect(old.isEnded).toBe(true);
});

test("later messages of a publisher never overtake one that waits for the log", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const subscriber = await rig.connect(node, "sub");
  subscriber.subscribe("#", { qos: 1 });
  await rig.settle();
  const publisher = await rig.connect(node, "pub");
  rig.flock.isQuorate = false;
  publisher.publish("a", "1", { qos: 1, retain: true, messageId: 1 });
  publisher.publish("a", "2", { qos: 1, messageId: 2 });
  publisher.publish("a", "3");
  await rig.settle();
  expect(subscriber.texts()).toEqual([]);
  rig.flock.isQuorate = true;
  await rig.settle();
  expect(subscriber.texts()).toEqual(["a=1", "a=2", "a=3"]);
  expect(publisher.take("puback").map(({ messageId }) => messageId)).toEqual([1, 2]);
});

test("a publisher with too many messages waiting is not read until half of them are settled", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ publishesWaitingMax: 4 });
  const publisher = await rig.connect(node, "pub");
  rig.flock.isQuorate = false;
  for (const messageId of [1, 2, 3, 4]) {
    publisher.publish(`a/${messageId}`, "x", { qos: 1, retain: true, messageId });
  }
  expect(publisher.isReadingPaused).toBe(true);
  rig.flock.isQuorate = true;
  await rig.settle();
  expect(publisher.isReadingPaused).toBe(false);
  expect(publisher.take("puback")).toHaveLength(4);
});

test("device state that waits for the batch in flight is replaced by newer values, and all are acknowledged", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const publisher = await rig.connect(node, "robot");
  const before = node.cluster.proposed;
  publisher.publish("sensors/r1/speed", "0", { qos: 1, messageId: 1 });
  rig.flock.isQuorate = false;
  await rig.settle();
  for (let value = 1; value <= 50; value++) {
    publisher.publish("sensors/r1/speed", String(value), { qos: 1, messageId: value + 1 });
  }
  await rig.settle();
  rig.flock.isQuorate = true;
  await rig.pass(100);
  expect(publisher.take("puback")).toHaveLength(51);
  expect(node.cluster.proposed - before).toBe(2);
  expect(node.replica.devices.get("r1")?.attributes.get("speed")?.value).toBe(50);
  expect(node.broker.counters.stateUpdatesCoalesced).toBe(49);
});

test("fields of objects that wait for the same batch add up", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const robot = await rig.connect(node, "robot");
  rig.flock.isQuorate = false;
  const bodies = ['{"x":1}', '{"y":2}', '{"x":3,"z":4}'];
  bodies.forEach((body, i) => {
    robot.publish("sensors/r1/coordinates", body, { qos: 1, messageId: i + 1 });
  });
  await rig.settle();
  rig.flock.isQuorate = true;
  await rig.pass(100);
  expect(robot.take("puback")).toHaveLength(3);
  const attributes = node.replica.devices.get("r1")?.attributes;
  expect(attributes?.get("coordinates")?.value).toEqual({ x: 3, y: 2, z: 4 });
});

test("a bare value and an object that wait for the same batch are applied in their order", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const robot = await rig.connect(node, "robot");
  rig.flock.isQuorate = false;
  ['{"x":1}', "7", '{"y":2}'].forEach((body, i) => {
    robot.publish("sensors/r1/coordinates", body, { qos: 1, messageId: i + 1 });
  });
  await rig.settle();
  rig.flock.isQuorate = true;
  await rig.settle();
  expect(robot.take("puback")).toHaveLength(3);
  const attributes = node.replica.devices.get("r1")?.attributes;
  expect(attributes?.get("coordinates")?.value).toEqual({ y: 2 });
});

test("a retained value is not overwritten by an older one that waited in a batch", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const robot = await rig.connect(node, "robot");
  rig.flock.isQuorate = false;
  robot.publish("sensors/r1/speed", "1", { qos: 1, messageId: 1 });
  await rig.settle();
  robot.publish("sensors/r1/speed", "2", { qos: 1, messageId: 2 });
  robot.publish("sensors/r1/speed", "3", { qos: 1, retain: true, messageId: 3 });
  rig.flock.isQuorate = true;
  await rig.pass(100);
  expect(robot.take("puback")).toHaveLength(3);
  expect(node.replica.devices.get("r1")?.attributes.get("speed")?.value).toBe(3);
});

test("MQTT 5 hears that nobody listens; a topic that is not allowed is refused", async () => {
  const rig = new BrokerRig();
  const authorizer = {
    canPublish: (_: unknown, topic: string) => topic !== "secret",
    subscribeRefusal: (_: unknown, filter: string) =>
      filter === "secret" ? (0x87 as const) : null,
  };
  const node = rig.addNode({}, { authorizer });
  const client = await rig.connect(node, "c");
  client.publish("nobody", "1", { qos: 1, messageId: 1 });
  client.publish("secret", "1", { qos: 1, messageId: 2 });
  client.publish("$SYS/broker/uptime", "1", { qos: 1, messageId: 3 });
  client.subscribe("secret");
  await rig.settle();
  expect(client.take("puback").map(({ reasonCode }) => reasonCode)).toEqual([0x10, 0x87, 0x87]);
  expect(client.take("suback")[0]?.granted).toEqual([0x87]);
});

test("the HTTP side publishes with the same promises", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const subscriber = await rig.connect(node, "sub");
  subscriber.subscribe("a");
  await rig.settle();
  const payload = Buffer.from("1");
  const done = node.broker.publish({ topic: "a", payload, qos: 1, retain: true });
  await rig.settle();
  expect(await done).toMatchObject({ matched: 1, version: 2 });
  expect(subscriber.texts()).toEqual(["a=1"]);
  await expect(
    node.broker.publish({ topic: "a/#", payload, qos: 0, retain: false }),
  ).rejects.toMatchObject({ code: "topic-invalid" });
  rig.flock.isQuorate = false;
  const late = node.broker.publish({ topic: "a", payload, qos: 1, retain: true });
  const refused = expect(late).rejects.toMatchObject({ code: "no-quorum" });
  await rig.pass(10_100);
  await refused;
});

test("a connection whose client has been claimed elsewhere acknowledges nothing any more", async () => {
  const rig = new BrokerRig();
  const [one, two] = [rig.addNode(), rig.addNode()];
  const hung = await rig.connect(one, "c");
  rig.flock.isQuorate = false;
  hung.publish("a", "1", { qos: 1, messageId: 1 });
  const elsewhere = rig.open(two);
  elsewhere.connect("c");
  await rig.settle();
  rig.flock.isQuorate = true;
  await rig.settle();
  expect(elsewhere.take("connack")[0]?.reasonCode).toBe(0);
  expect(
    hung.take("puback").filter(({ reasonCode }) => reasonCode === undefined || reasonCode < 0x80),
  ).toEqual([]);
  expect(hung.isEnded).toBe(true);
});

test("a node that nobody votes with acknowledges what nobody stored waits for at once, and asks nobody", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const subscriber = await rig.connect(node, "sub");
  subscriber.subscribe("t", { qos: 1 });
  const publisher = await rig.connect(node, "pub");
  await rig.settle();
  node.cluster.isAlone = true;
  let reads = 0;
  const { readBarrier } = node.cluster;
  node.cluster.readBarrier = (timeoutMs) => {
    reads++;
    return readBarrier.call(node.cluster, timeoutMs);
  };
  publisher.publish("t", "1", { qos: 1, messageId: 1 });
  publisher.publish("none", "2", { qos: 1, messageId: 2 });
  publisher.publish("t", "3", { qos: 2, messageId: 3 });
  rig.clock.endTurns();
  expect(subscriber.texts()).toEqual(["t=1", "t=3"]);
  expect(publisher.take("puback")).toMatchObject([
    { messageId: 1 },
    { messageId: 2, reasonCode: 0x10 },
  ]);
  expect(publisher.take("pubrec")).toMatchObject([{ messageId: 3 }]);
  expect(reads).toBe(0);
});

test("behind a message on its way to the log it waits for its turn all the same", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const publisher = await rig.connect(node, "pub");
  await rig.settle();
  node.cluster.isAlone = true;
  publisher.publish("kept", "1", { qos: 1, retain: true, messageId: 1 });
  publisher.publish("t", "2", { qos: 1, messageId: 2 });
  rig.clock.endTurns();
  await rig.settle();
  expect(publisher.take("puback").map(({ messageId }) => messageId)).toEqual([1, 2]);
});

test("a node that nobody votes with refuses what comes from a client that was claimed elsewhere", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const other = rig.addNode();
  const publisher = await rig.connect(node, "pub");
  await rig.settle();
  node.cluster.isAlone = true;
  const epoch = node.replica.ownerOf("pub")?.epoch ?? 0;
  node.replica.ownerOf = () => ({ nodeId: other.cluster.nodeId, epoch: epoch + 1 });
  publisher.publish("t", "1", { qos: 1, messageId: 1 });
  rig.clock.endTurns();
  expect(publisher.take("puback")).toMatchObject([{ messageId: 1, reasonCode: 0x97 }]);
});

test("what publishers wait for their acknowledgement is counted: at once, or as long as the log takes; refusals and QoS 0 are not", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const publisher = await rig.connect(node, "pub");
  const { acknowledgeLatency } = node.broker;
  publisher.publish("a", "1");
  publisher.publish("$SYS/x", "1", { qos: 1, messageId: 1 });
  await rig.settle();
  expect(acknowledgeLatency.cumulative().at(-1)).toBe(0);
  publisher.publish("a", "1", { qos: 1, messageId: 2 });
  await rig.settle();
  expect(acknowledgeLatency.cumulative()[0]).toBe(1);
  rig.flock.isQuorate = false;
  publisher.publish("b", "1", { qos: 2, retain: true, messageId: 3 });
  await rig.pass(3000);
  expect(acknowledgeLatency.cumulative().at(-1)).toBe(1);
  rig.flock.isQuorate = true;
  await rig.settle();
  expect(acknowledgeLatency.cumulative().at(-1)).toBe(2);
  expect(acknowledgeLatency.sum).toBeGreaterThanOrEqual(3);
  expect(acknowledgeLatency.sum).toBeLessThan(4);
});
