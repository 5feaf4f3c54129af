import { expect, test } from "vitest";
import { BrokerRig, type RigClient, type RigNode } from "../../support/broker-rig.ts";

/** What of one client's writes reaches the log last is what it wrote last, whichever way each of them goes there. */

const qos1 = (messageId: number): Record<string, unknown> => ({ qos: 1, messageId });
const retained = (messageId: number): Record<string, unknown> => ({
  ...qos1(messageId),
  retain: true,
});

interface Rigged {
  readonly rig: BrokerRig;
  readonly node: RigNode;
  readonly robot: RigClient;
  readonly value: (attribute?: string) => unknown;
}

async function start(): Promise<Rigged> {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const robot = await rig.connect(node, "r1");
  const value = (attribute = "x"): unknown =>
    node.replica.devices.get("r1")?.attributes.get(attribute)?.value;
  return { rig, node, robot, value };
}

test("a newer value is not overwritten by a retained one that stands behind a value in a batch", async () => {
  const { rig, robot, value } = await start();
  robot.publish("sensors/r1/y", "0", qos1(1));
  robot.publish("sensors/r1/x", "1", retained(2));
  robot.publish("sensors/r1/x", "2", qos1(3));
  robot.publish("sensors/r1/z", "3", qos1(4));
  robot.publish("sensors/r1/x", "4", retained(5));
  robot.publish("sensors/r1/x", "5", qos1(6));
  await rig.pass(300);
  expect(robot.take("puback").map(({ messageId }) => messageId)).toEqual([1, 2, 3, 4, 5, 6]);
  expect([value("x"), value("z")]).toEqual([5, 3]);
});

test("nor by one that stands behind a message that asks whether it must go to the log", async () => {
  const { rig, robot, value } = await start();
  robot.publish("plain", "0", qos1(1));
  robot.publish("plain", "1", qos1(2));
  robot.publish("sensors/r1/x", "1", retained(3));
  robot.publish("sensors/r1/x", "2", qos1(4));
  robot.publish("sensors/r1/x", "3", qos1(5));
  await rig.pass(300);
  expect(robot.take("puback").map(({ messageId }) => messageId)).toEqual([1, 2, 3, 4, 5]);
  expect(value()).toBe(3);
});

test("nor is one at QoS 0, retained or not", async () => {
  const { rig, node, robot, value } = await start();
  const reader = await rig.connect(node, "reader");
  reader.subscribe("sensors/r1/x");
  await rig.settle();
  robot.publish("plain", "0", qos1(1));
  robot.publish("sensors/r1/x", "1", retained(2));
  robot.publish("sensors/r1/x", "2");
  await rig.pass(300);
  expect(value()).toBe(2);
  robot.publish("plain", "0", qos1(3));
  robot.publish("sensors/r1/x", "3", retained(4));
  robot.publish("sensors/r1/x", "4", { retain: true });
  await rig.pass(300);
  expect(value()).toBe(4);
  expect(reader.texts().map((text) => text.slice(-1))).toEqual(["1", "2", "3", "4"]);
  reader.subscribe("sensors/r1/x");
  await rig.settle();
  expect(reader.texts()).toEqual(["sensors/r1/x=4"]);
});

test("those that waited for another one's turn share a batch", async () => {
  const { rig, node, robot, value } = await start();
  const before = node.cluster.proposed;
  robot.publish("plain", "0", qos1(1));
  robot.publish("sensors/r1/x", "1", retained(2));
  for (let at = 2; at <= 20; at++)
    robot.publish("sensors/r1/x", `${at}`, at % 2 ? qos1(at + 1) : {});
  await rig.settle();
  expect(value()).toBe(20);
  expect(node.cluster.proposed - before).toBe(2);
  expect(robot.take("puback")).toHaveLength(11);
});

test("a retained message does not wait for a batch that has nothing of its topic", async () => {
  const { rig, node, robot, value } = await start();
  const version = (topic: string): number => node.replica.retainedVersionOf(topic);
  robot.publish("sensors/r1/y", "0", qos1(1));
  await rig.settle();
  robot.publish("sensors/r1/x", "1", qos1(2));
  robot.publish("status", "on", retained(3));
  robot.publish("sensors/r1/z", "2", retained(4));
  robot.publish("sensors/r1/x", "3", retained(5));
  robot.publish("other", "4", retained(6));
  await rig.settle();
  expect(["status", "sensors/r1/z"].map((topic) => version(topic) > 0)).toEqual([true, true]);
  expect(["sensors/r1/x", "other"].map(version)).toEqual([0, 0]);
  expect([value("x"), value("z")]).toEqual([undefined, 2]);
  expect(robot.take("puback").map(({ messageId }) => messageId)).toEqual([1]);
  await rig.pass(200);
  expect(value("x")).toBe(3);
  expect(robot.take("puback").map(({ messageId }) => messageId)).toEqual([2, 3, 4, 5, 6]);
});

test("what the log refuses while others wait for their turn does not keep them from it", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ stateUpdatesWaitingMax: 1 });
  const robot = await rig.connect(node, "r1");
  robot.publish("plain", "0", qos1(1));
  robot.publish("plain", "1", qos1(2));
  robot.publish("sensors/r1/x", "1", retained(3));
  robot.publish("sensors/r1/x", "2", qos1(4));
  robot.publish("sensors/r1/x", "3", qos1(5));
  robot.publish("sensors/r1/y", "4", retained(6));
  await rig.pass(300);
  const codes = robot.take("puback").map(({ messageId, reasonCode }) => [messageId, reasonCode]);
  // No matching subscribers, and quota exceeded.
  expect(codes).toEqual([0x10, 0x10, 0x10, 0x10, 0x97, 0x10].map((code, at) => [at + 1, code]));
  expect(node.replica.devices.get("r1")?.attributes.get("y")?.value).toBe(4);
});

const reporting = (reported: unknown): string => JSON.stringify({ state: { reported } });

test("what a shadow reports is newer than the values that wait for a batch", async () => {
  const { rig, node, robot, value } = await start();
  robot.publish("sensors/r1/y", "0");
  await rig.settle();
  robot.publish("sensors/r1/x", "1", qos1(1));
  robot.publish("$devices/r1/shadow/update", reporting({ x: 2 }), qos1(2));
  await rig.pass(300);
  expect(value()).toBe(2);
  robot.publish("sensors/r1/x", "3");
  robot.publish("sensors/r1/z", "3");
  const set = node.broker.setShadow("r1", { reported: { x: 4 } });
  await rig.pass(300);
  await set;
  expect([value(), value("z")]).toEqual([4, 3]);
  robot.publish("sensors/r1/x", "5");
  robot.publish("$devices/r1/shadow/update", reporting(null), qos1(3));
  await rig.pass(300);
  expect(value()).toBeUndefined();
});

test("a device that is deleted stays away, whatever waited for a batch", async () => {
  const { rig, node, robot } = await start();
  robot.publish("sensors/r1/y", "0");
  await rig.settle();
  robot.publish("sensors/r1/x", "1");
  robot.publish("$devices/r1/shadow/delete", "", qos1(1));
  await rig.pass(300);
  expect(node.replica.devices.get("r1")).toBeNull();
});

test("what a shadow reports stands behind what its client wrote before and has no turn yet", async () => {
  const { rig, robot, value } = await start();
  robot.publish("plain", "0", qos1(1));
  robot.publish("sensors/r1/x", "1", retained(2));
  robot.publish("$devices/r1/shadow/update", reporting({ x: 2 }));
  robot.publish("sensors/r1/x", "3", qos1(3));
  await rig.settle();
  await rig.pass(300);
  expect(robot.take("puback").map(({ messageId }) => messageId)).toEqual([1, 2, 3]);
  expect(value()).toBe(3);
  robot.publish("plain", "0", qos1(1));
  robot.publish("sensors/r1/x", "1", retained(2));
  robot.publish("$devices/r1/shadow/update", reporting({ x: 2 }));
  await rig.pass(300);
  expect(value()).toBe(2);
});

/** The last write is at QoS 0, and held behind one that waits for a batch. */
async function startHeld(last: Record<string, unknown> = {}): Promise<Rigged> {
  const rigged = await start();
  const { rig, robot } = rigged;
  robot.publish("sensors/r1/y", "0");
  await rig.settle();
  robot.publish("sensors/r1/x", "0", qos1(1));
  robot.publish("sensors/r1/x", "1", retained(2));
  robot.publish("sensors/r1/x", "2", last);
  await rig.settle();
  return rigged;
}

test.each([
  ["", {}],
  [" that is retained", { retain: true }],
])(
  "what a client writes when it has connected again is not overwritten by an older value at QoS 0%s",
  async (_name, last) => {
    for (const isGoodbyeSaid of [false, true]) {
      const { rig, node, robot, value } = await startHeld(last);
      if (isGoodbyeSaid) {
        robot.send({ cmd: "disconnect", reasonCode: 0 });
        await rig.settle();
      }
      const again = await rig.connect(node, "r1");
      const dropped = node.broker.counters.publishDropped;
      again.publish("sensors/r1/x", "3", qos1(1));
      await rig.pass(1000);
      expect(again.take("puback")).toHaveLength(1);
      expect(value()).toBe(3);
      // Those at QoS 1 are behind the end of their claim.
      expect(node.broker.counters.publishDropped - dropped).toBe(3);
    }
  },
);

test("nor when it has connected elsewhere, and is gone again", async () => {
  const { rig, value } = await startHeld();
  const again = await rig.connect(rig.addNode(), "r1");
  again.publish("sensors/r1/x", "3", qos1(1));
  await rig.settle();
  expect(again.take("puback")).toHaveLength(1);
  again.send({ cmd: "disconnect", reasonCode: 0 });
  await rig.pass(1000);
  expect(value()).toBe(3);
});

test("a client that says goodbye keeps what it wrote at QoS 0", async () => {
  const { rig, robot, value } = await startHeld();
  robot.send({ cmd: "disconnect", reasonCode: 0 });
  await rig.pass(1000);
  expect(value()).toBe(2);
});
