import { expect, test } from "vitest";
import { BrokerRig } from "../../support/broker-rig.ts";

const qos1 = (messageId: number): Record<string, unknown> => ({ qos: 1, messageId });

test("a value that comes alone leaves at once, the next ones at most every hundred milliseconds", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const robot = await rig.connect(node, "r1");
  const value = (): unknown => node.replica.devices.get("r1")?.attributes.get("x")?.value;
  robot.publish("sensors/r1/x", "1");
  await rig.settle();
  expect(value()).toBe(1);
  robot.publish("sensors/r1/x", "2");
  robot.publish("sensors/r1/x", "3");
  await rig.settle();
  expect(value()).toBe(1);
  await rig.pass(100);
  expect(value()).toBe(3);
  expect(node.broker.counters.stateUpdatesCoalesced).toBe(1);
});

test("the values of many clients share a command, and each hears of its own", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const robots = await Promise.all(
    Array.from({ length: 20 }, (_, at) => rig.connect(node, `r${at}`)),
  );
  await rig.settle();
  const before = node.cluster.proposed;
  for (const [at, robot] of robots.entries()) robot.publish(`sensors/r${at}/x`, "1", qos1(1));
  await rig.settle();
  expect(node.cluster.proposed - before).toBe(1);
  expect(robots.map((robot) => robot.take("puback").length)).toEqual(robots.map(() => 1));
  expect(node.replica.devices.count()).toBe(20);
});

test("values of two clients for one attribute stay in the order in which they came", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const [a, b] = [await rig.connect(node, "a"), await rig.connect(node, "b")];
  a.publish("sensors/r1/x", "0", qos1(1));
  await rig.settle();
  a.publish("sensors/r1/x", "1", qos1(2));
  b.publish("sensors/r1/x", "2", qos1(1));
  a.publish("sensors/r1/x", "3", qos1(3));
  b.publish("sensors/r1/y", "1", qos1(2));
  const before = node.cluster.proposed;
  await rig.pass(100);
  expect(node.cluster.proposed - before).toBe(1);
  const x = node.replica.devices.get("r1")?.attributes.get("x");
  expect([x?.value, x?.source]).toEqual([3, "a"]);
  expect(node.replica.devices.history("r1", "x", 9).map(({ value }) => value)).toEqual([
    0, 1, 2, 3,
  ]);
  expect([a.take("puback").length, b.take("puback").length]).toEqual([3, 2]);
});

test("many values are cut into commands of bounded size", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ stateUpdatesPerCommand: 10, stateCommandSizeBytes: 1000 });
  const gateway = await rig.connect(node, "gateway");
  const before = node.cluster.proposed;
  for (let at = 0; at < 25; at++) gateway.publish(`sensors/r${at}/x`, "1", qos1(at + 1));
  await rig.settle();
  expect(node.cluster.proposed - before).toBe(3);
  await rig.pass(100);
  const large = JSON.stringify("x".repeat(500));
  for (let at = 0; at < 4; at++) gateway.publish(`sensors/r${at}/x`, large, qos1(at + 30));
  await rig.pass(100);
  expect(node.cluster.proposed - before).toBe(7);
  expect(gateway.take("puback")).toHaveLength(29);
});

test("a client that was claimed elsewhere is refused while the others of its batch are not", async () => {
  const rig = new BrokerRig();
  const [here, there] = [rig.addNode(), rig.addNode()];
  const [old, other] = [await rig.connect(here, "r1"), await rig.connect(here, "r2")];
  await rig.connect(there, "r1");
  old.publish("sensors/r1/x", "1", qos1(1));
  other.publish("sensors/r2/x", "1", qos1(1));
  await rig.pass(200);
  expect(other.take("puback")).toHaveLength(1);
  expect(here.replica.devices.get("r1")).toBeNull();
});

test("what waits leaves when the broker stops", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const robot = await rig.connect(node, "r1");
  robot.publish("sensors/r1/x", "1");
  await rig.settle();
  robot.publish("sensors/r1/x", "2");
  await rig.settle();
  void node.broker.stop(0);
  await rig.settle();
  expect(node.replica.devices.get("r1")?.attributes.get("x")?.value).toBe(2);
});

test("publishers whose value was joined with one that waits are counted with what waits", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ stateUpdatesWaitingMax: 3 });
  const robot = await rig.connect(node, "r1", { protocolVersion: 5 });
  robot.publish("sensors/r1/x", "0", qos1(1));
  await rig.settle();
  robot.take("puback");
  for (let at = 2; at <= 6; at++) robot.publish("sensors/r1/x", String(at), qos1(at));
  await rig.pass(100);
  // No matching subscribers: kept, and nobody else wanted it.
  expect(robot.take("puback").map((packet) => packet["reasonCode"])).toEqual([
    0x10, 0x10, 0x10, 0x97, 0x97,
  ]);
  expect(node.broker.counters.publishOverloaded).toBe(2);
  expect(node.replica.devices.get("r1")?.attributes.get("x")?.value).toBe(4);
});

test("behind a batch that took long the next one waits for those whom it answered", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const gateway = await rig.connect(node, "gateway");
  const value = (): unknown => node.replica.devices.get("r1")?.attributes.get("x")?.value;
  rig.flock.isQuorate = false;
  gateway.publish("sensors/r1/x", "1", qos1(1));
  await rig.settle();
  gateway.publish("sensors/r1/x", "2", qos1(2));
  await rig.pass(150);
  rig.flock.isQuorate = true;
  await rig.settle();
  expect(value()).toBe(1);
  await rig.pass(50);
  // It was answered, and sends again.
  gateway.publish("sensors/r1/x", "3", qos1(1));
  await rig.settle();
  expect(value()).toBe(1);
  await rig.pass(50);
  expect(value()).toBe(3);
  expect(node.broker.counters.stateUpdatesCoalesced).toBe(1);
});

test("however long a batch took, the next one waits no longer than between two others", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const gateway = await rig.connect(node, "gateway");
  const value = (): unknown => node.replica.devices.get("r1")?.attributes.get("x")?.value;
  rig.flock.isQuorate = false;
  gateway.publish("sensors/r1/x", "1", qos1(1));
  await rig.settle();
  gateway.publish("sensors/r1/x", "2", qos1(2));
  await rig.pass(5000);
  rig.flock.isQuorate = true;
  await rig.settle();
  expect(value()).toBe(1);
  await rig.pass(100);
  expect(value()).toBe(2);
  // A lone value behind all of them leaves at once.
  await rig.pass(100);
  gateway.publish("sensors/r1/x", "3", qos1(3));
  await rig.settle();
  expect(value()).toBe(3);
});
