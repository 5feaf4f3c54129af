import { expect, test, vi } from "vitest";
import type { AttributeUpdate } from "../../../src/replica/replica-api.ts";
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

/** A batch of two clients that is in the log after so long, while a second value of the first one waits. */
async function batchThatTook(lastsMs: number) {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const gateway = await rig.connect(node, "gateway");
  const other = await rig.connect(node, "other");
  const value = (): unknown => node.replica.devices.get("r1")?.attributes.get("x")?.value;
  rig.flock.isQuorate = false;
  gateway.publish("sensors/r1/x", "1", qos1(1));
  other.publish("sensors/r2/x", "1", qos1(1));
  await rig.settle();
  gateway.publish("sensors/r1/x", "2", qos1(2));
  await rig.pass(lastsMs);
  rig.flock.isQuorate = true;
  await rig.settle();
  expect(value()).toBe(1);
  return { rig, node, gateway, value };
}

test("behind a batch that took long the next one waits for those whom it answered", async () => {
  const { rig, node, gateway, value } = await batchThatTook(150);
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
  const { rig, gateway, value } = await batchThatTook(5000);
  await rig.pass(100);
  expect(value()).toBe(2);
  // A lone value behind all of them leaves at once.
  await rig.pass(100);
  gateway.publish("sensors/r1/x", "3", qos1(3));
  await rig.settle();
  expect(value()).toBe(3);
});

test("behind a batch that took long a lone publisher is not waited for", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const robot = await rig.connect(node, "r1");
  const other = await rig.connect(node, "r2");
  rig.flock.isQuorate = false;
  robot.publish("sensors/r1/x", "1", qos1(1));
  other.publish("sensors/r2/x", "1");
  await rig.pass(150);
  rig.flock.isQuorate = true;
  await rig.settle();
  expect(robot.take("puback")).toHaveLength(1);
  robot.publish("sensors/r1/x", "2", qos1(1));
  await rig.settle();
  expect(robot.take("puback")).toHaveLength(1);
});

test("two objects that are too large together are not joined, so that the first one is kept", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const robot = await rig.connect(node, "r1");
  robot.publish("sensors/r1/y", "0", qos1(1));
  await rig.settle();
  const [one, two] = [{ a: "a".repeat(40_000) }, { b: "b".repeat(40_000) }];
  robot.publish("sensors/r1/x", JSON.stringify(one), qos1(2));
  robot.publish("sensors/r1/x", JSON.stringify(two), qos1(3));
  await rig.pass(200);
  expect(robot.take("puback")).toHaveLength(3);
  expect(node.replica.devices.get("r1")?.attributes.get("x")?.value).toEqual(one);
  // Whatever their size, one that tells all fields again takes the other's place.
  const newer = { a: "c".repeat(40_000) };
  robot.publish("sensors/r1/x", JSON.stringify(one));
  robot.publish("sensors/r1/x", JSON.stringify(newer));
  await rig.pass(200);
  expect(node.replica.devices.get("r1")?.attributes.get("x")?.value).toEqual(newer);
  expect(node.broker.counters.stateUpdatesCoalesced).toBe(1);
});

test("new fields are added to an object that waits without a copy of all before", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const robot = await rig.connect(node, "r1");
  robot.publish("sensors/r1/y", "0");
  await rig.settle();
  const fields = Array.from({ length: 4000 }, (_, at) => [`k${at}`, at]);
  robot.publish("sensors/r1/x", JSON.stringify(Object.fromEntries(fields)));
  const copies = vi.spyOn(Object, "keys");
  for (let at = 0; at < 500; at++) robot.publish("sensors/r1/x", `{"n${at}":1}`);
  const looked = copies.mock.results.filter(({ value }) => (value as string[]).length > 3000);
  copies.mockRestore();
  expect(looked).toHaveLength(1);
  robot.publish("sensors/r1/x", '{"__proto__":{"k0":-1},"k1":"one"}');
  await rig.pass(200);
  const value = node.replica.devices.get("r1")?.attributes.get("x")?.value as object;
  expect(Object.keys(value)).toHaveLength(4501);
  expect(value).toMatchObject({ k0: 0, k1: "one", n499: 1 });
  expect(Object.hasOwn(value, "__proto__")).toBe(true);
});

test("bytes that wait for the log are bounded, also of values at QoS 0 that are joined", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ stateUpdatesSizeBytesMax: 100_000 });
  const robot = await rig.connect(node, "r1", { protocolVersion: 5 });
  robot.publish("sensors/r1/y", "0");
  await rig.settle();
  for (let at = 0; at < 5; at++)
    robot.publish("sensors/r1/x", `{"k${at}":"${"x".repeat(30_000)}"}`);
  expect(node.broker.counters.publishOverloaded).toBe(1);
  robot.publish("sensors/r1/z", "1", qos1(1));
  await rig.settle();
  expect(robot.take("puback")[0]?.["reasonCode"]).toBe(0x97);
  await rig.pass(200);
  robot.publish("sensors/r1/z", "2", qos1(2));
  await rig.pass(200);
  expect(robot.take("puback")[0]?.["reasonCode"]).toBe(0x10);
});

test("what is under way counts with what waits", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ stateUpdatesWaitingMax: 10 });
  const robot = await rig.connect(node, "r1");
  rig.flock.isQuorate = false;
  for (let at = 0; at < 100; at++) {
    robot.publish("sensors/r1/x", `${at}`);
    robot.publish("sensors/r1/x", `${at}`, { retain: true });
  }
  expect(node.broker.counters.publishOverloaded).toBe(90);
});

test("a client whose retained messages follow its values leaves the batch of the others alone", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const [one, other] = [await rig.connect(node, "r1"), await rig.connect(node, "r2")];
  one.publish("sensors/r1/y", "0");
  await rig.settle();
  const value = (): unknown => node.replica.devices.get("r2")?.attributes.get("x")?.value;
  for (let at = 1; at <= 9; at++) {
    other.publish("sensors/r2/x", `${at}`);
    one.publish("sensors/r1/x", `${at}`);
    one.publish("sensors/r1/x", `${-at}`, { retain: true });
    await rig.pass(10);
    expect(value()).toBeUndefined();
    expect(node.replica.devices.get("r1")?.attributes.get("x")?.value).toBe(-at);
  }
  await rig.pass(10);
  expect(value()).toBe(9);
});

test("thousands of values of one attribute that cannot be joined go ahead of a retained one in their order", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const [one, other] = [await rig.connect(node, "r1"), await rig.connect(node, "r2")];
  one.publish("sensors/r1/y", "0");
  await rig.settle();
  for (let at = 1; at <= 3000; at++) (at % 2 ? one : other).publish("sensors/r1/x", `${at}`);
  one.publish("sensors/r1/x", "0", { retain: true });
  await rig.settle();
  const held = node.replica.devices.history("r1", "x", 4).map(({ value }) => value);
  expect(held).toEqual([2998, 2999, 3000, 0]);
});

test("while a batch is under way no other leaves, although a timer was set before it", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const robot = await rig.connect(node, "r1");
  robot.publish("sensors/r1/y", "0");
  await rig.settle();
  robot.publish("sensors/r1/x", "1");
  await rig.pass(50);
  rig.flock.isQuorate = false;
  robot.publish("$devices/r9/shadow/delete", "");
  robot.publish("sensors/r1/x", "2");
  const before = node.cluster.proposed;
  await rig.pass(100);
  expect(node.cluster.proposed - before).toBe(0);
  rig.flock.isQuorate = true;
  await rig.pass(100);
  expect(node.replica.devices.get("r1")?.attributes.get("x")?.value).toBe(2);
});

test("one that cannot be answered or encoded does not keep the others from it", async () => {
  const rig = new BrokerRig();
  const updateFrom = (topic: string): AttributeUpdate => {
    const [device = "", attribute = ""] = topic.split("/");
    return { device, attribute, value: attribute === "odd" ? 1n : 1 };
  };
  const node = rig.addNode({ stateUpdatesPerCommand: 2 }, { patterns: { updateFrom } });
  const names = ["o1", "o2", "r1", "r2", "r3"];
  const robots = await Promise.all(names.map((name) => rig.connect(node, name)));
  const isStored = vi.spyOn(node.replica.sessions, "isStored").mockImplementation((topic) => {
    if (topic === "r1/x" && rig.flock.isQuorate) throw new Error("out of order");
    return false;
  });
  rig.flock.isQuorate = false;
  for (const [at, robot] of robots.entries()) {
    robot.publish(`${names[at]}/${at < 2 ? "odd" : "x"}`, "", qos1(1));
  }
  await rig.settle();
  rig.flock.isQuorate = true;
  await rig.pass(200);
  isStored.mockRestore();
  expect(node.broker.counters.internalErrors).toBe(2);
  const codes = robots.map((robot) => robot.take("puback").map(({ reasonCode }) => reasonCode));
  expect(codes).toEqual([[0x97], [0x97], [], [0x10], [0x10]]);
});
