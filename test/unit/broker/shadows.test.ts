import { expect, test } from "vitest";
import { BrokerRig, type RigClient, type RigNode } from "../../support/broker-rig.ts";

interface Rigged {
  readonly rig: BrokerRig;
  readonly node: RigNode;
  readonly robot: RigClient;
  readonly ask: (action: string, body?: unknown) => Promise<readonly [string, unknown][]>;
}

/** A robot that hears everything about its shadow; answers come as the last levels of their topic and their body. */
async function start(base = "$devices/r1", options = {}): Promise<Rigged> {
  const rig = new BrokerRig();
  const node = rig.addNode({}, options);
  const robot = await rig.connect(node, "r1");
  robot.subscribe(`${base}/shadow/#`);
  await rig.settle();
  let messageId = 10;
  const ask = async (action: string, body: unknown = ""): Promise<readonly [string, unknown][]> => {
    const payload = typeof body === "string" ? body : JSON.stringify(body);
    robot.publish(`${base}/shadow/${action}`, payload, { qos: 1, messageId: ++messageId });
    await rig.pass(100);
    return robot
      .take("publish")
      .filter(({ topic }) => topic.split("/").length > base.split("/").length + 2)
      .map(({ topic, payload: answer }) => [
        topic.slice(`${base}/shadow/`.length),
        JSON.parse(answer.toString()) as unknown,
      ]);
  };
  return { rig, node, robot, ask };
}

test("an update is accepted once it is in the log, with delta and documents", async () => {
  const { ask } = await start();
  const answers = await ask("update", {
    state: { desired: { mode: "slam", led: 1 }, reported: { mode: "idle", led: 1 } },
    clientToken: "t1",
  });
  const [[accepted, body], [delta, difference], [documents, both]] = answers as [
    [string, { version: number }],
    [string, unknown],
    [string, { previous: unknown; current: { state: unknown } }],
  ];
  expect([accepted, delta, documents]).toEqual([
    "update/accepted",
    "update/delta",
    "update/documents",
  ]);
  const timestamp = expect.any(Number) as number;
  expect(body).toEqual({
    state: { desired: { mode: "slam", led: 1 }, reported: { mode: "idle", led: 1 } },
    metadata: {
      desired: { mode: { timestamp }, led: { timestamp } },
      reported: { mode: { timestamp }, led: { timestamp } },
    },
    version: expect.any(Number) as number,
    timestamp,
    clientToken: "t1",
  });
  expect(difference).toEqual({
    ...{ version: body.version, timestamp, state: { mode: "slam" } },
    ...{ metadata: { mode: { timestamp } }, clientToken: "t1" },
  });
  expect(both.previous).toEqual({ state: {}, metadata: {}, version: 0 });
  expect(both.current.state).toEqual({
    desired: { mode: "slam", led: 1 },
    reported: { mode: "idle", led: 1 },
  });
});

test("sensors are what is reported, and what is as desired is no delta", async () => {
  const { rig, robot, ask } = await start();
  await ask("update", { state: { desired: { mode: "slam" } } });
  robot.publish("sensors/r1/mode", "slam");
  await rig.pass(200);
  const [[topic, body]] = (await ask("get")) as [[string, { state: unknown }]];
  expect(topic).toBe("get/accepted");
  expect(body.state).toEqual({ desired: { mode: "slam" }, reported: { mode: "slam" } });
});

test("another version than the expected one is rejected with 409", async () => {
  const { ask } = await start();
  const [[, first]] = (await ask("update", { state: { desired: { a: 1 } } })) as [
    [string, { version: number }],
  ];
  const stale = { state: { desired: { a: 2 } }, version: first.version + 1, clientToken: "t" };
  expect(await ask("update", stale)).toMatchObject([
    ["update/rejected", { code: 409, clientToken: "t" }],
  ]);
  const fresh = { state: { desired: { a: 2 } }, version: first.version };
  expect((await ask("update", fresh))[0]?.[0]).toBe("update/accepted");
});

test("a shadow that is deleted is gone with its device, and unknown after that", async () => {
  const { node, ask } = await start();
  await ask("update", { state: { desired: { a: 1 } } });
  expect((await ask("delete", { clientToken: "t" }))[0]).toMatchObject([
    "delete/accepted",
    { clientToken: "t" },
  ]);
  expect(node.replica.devices.get("r1")).toBeNull();
  for (const action of ["delete", "get"]) {
    expect(await ask(action)).toMatchObject([[`${action}/rejected`, { code: 404 }]]);
  }
});

test.each([
  ["", 400],
  ["{", 400],
  ["[]", 400],
  ["{}", 400],
  ['{"state":{}}', 400],
  ['{"state":{"desired":5}}', 400],
  ['{"state":{"other":{}}}', 400],
  ['{"state":{"desired":{}},"version":"1"}', 400],
  [`{"state":{"desired":{"a":${"[".repeat(40)}${"]".repeat(40)}}}}`, 400],
  [`{"state":{"desired":{"a":"${"x".repeat(70_000)}"}}}`, 413],
  [`{"state":{"desired":{"a":"${"x".repeat(140_000)}"}}}`, 413],
])("a request that cannot be done is rejected: %.40s", async (body, code) => {
  const { node, ask } = await start();
  expect(await ask("update", body)).toMatchObject([["update/rejected", { code }]]);
  expect(node.replica.devices.count()).toBe(0);
});

test("answers come from the broker alone", async () => {
  const { rig, node, robot } = await start();
  const other = await rig.connect(node, "other");
  other.publish("$devices/r1/shadow/update/accepted", "{}", { qos: 1, messageId: 1 });
  await rig.settle();
  expect(other.take("puback")[0]?.reasonCode).toBe(0x87);
  expect(robot.texts()).toEqual([]);
});

test("the names of the AWS shadow service answer where they are asked for, and nowhere else", async () => {
  const aws = await start("$aws/things/r1", { hasAwsShadowTopics: true });
  const update = { state: { desired: { a: 1 } } };
  expect((await aws.ask("update", update)).map(([topic]) => topic)).toEqual([
    ...["update/accepted", "update/delta", "update/documents"],
  ]);
  const plain = await start("$aws/things/r1");
  expect(await plain.ask("update", update)).toEqual([]);
});

test("a subscription to # hears nothing of shadows [MQTT-4.7.2-1]", async () => {
  const { rig, node, ask } = await start();
  const nosy = await rig.connect(node, "nosy");
  nosy.subscribe("#");
  nosy.subscribe("+/r1/shadow/#", {}, 2);
  await rig.settle();
  await ask("update", { state: { desired: { a: 1 } } });
  expect(nosy.texts()).toEqual([]);
});
