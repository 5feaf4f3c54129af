import { expect, test } from "vitest";
import { BrokerRig } from "../../support/broker-rig.ts";

function expecting(
  version: string | string[],
  messageId: number,
  qos = 1,
): Record<string, unknown> {
  const properties = { userProperties: { "expected-version": version } };
  return { qos, retain: true, messageId, properties };
}

async function rigWithClients() {
  const rig = new BrokerRig();
  const [one, two] = [rig.addNode(), rig.addNode()];
  const subscriber = await rig.connect(one, "sub");
  subscriber.subscribe("#");
  await rig.settle();
  const [a, b] = [await rig.connect(one, "a"), await rig.connect(two, "b")];
  const codes = (client: typeof a): unknown[] =>
    client.take("puback").map(({ reasonCode }) => reasonCode);
  return { rig, one, two, subscriber, a, b, codes };
}

test("of two clients that expect the same version, one is stored, the other hears 0x83 and reaches nobody", async () => {
  const { rig, one, subscriber, a, b, codes } = await rigWithClients();
  a.publish("t", "from a", expecting("0", 1));
  b.publish("t", "from b", expecting("0", 1));
  await rig.settle();
  const version = one.replica.getRetained("t")?.version ?? 0;
  expect([codes(a), codes(b)]).toEqual([[0], [0x83]]);
  expect(subscriber.texts()).toEqual(["t=from a"]);
  b.publish("t", "from b", expecting(String(version), 2));
  await rig.settle();
  expect(codes(b)).toEqual([0]);
  expect(subscriber.texts()).toEqual(["t=from b"]);
});

test("a refused QoS 2 message is settled with its PUBREC", async () => {
  const { rig, a, subscriber } = await rigWithClients();
  a.publish("t", "x", expecting("99", 5, 2));
  await rig.settle();
  expect(a.take("pubrec").map(({ reasonCode }) => reasonCode)).toEqual([0x83]);
  expect(subscriber.texts()).toEqual([]);
});

test.each(["", "-1", "1.5", "x", "99999999999999999999"])(
  "the expectation %j is refused",
  async (text) => {
    const { rig, one, a, codes } = await rigWithClients();
    a.publish("t", "x", expecting(text, 1));
    await rig.settle();
    expect(codes(a)).toEqual([0x83]);
    expect(one.replica.getRetained("t")).toBeNull();
    expect(one.broker.counters.publishConflicts).toBe(1);
  },
);

test("at QoS 0, where nobody would hear of the outcome, nothing is written", async () => {
  const { rig, one, subscriber, a } = await rigWithClients();
  a.publish("t", "x", expecting("0", 0, 0));
  await rig.settle();
  expect(one.replica.getRetained("t")).toBeNull();
  expect(subscriber.texts()).toEqual([]);
});

test("on a message that is not retained the property is an ordinary one", async () => {
  const { rig, subscriber, a, codes } = await rigWithClients();
  a.publish("t", "x", { ...expecting("7", 1), retain: false });
  await rig.settle();
  expect(codes(a)).toEqual([0]);
  expect(subscriber.texts()).toEqual(["t=x"]);
});

test("an attribute is set by name, on condition, and told to be elsewhere", async () => {
  const { rig, two, one } = await rigWithClients();
  const write = { device: "r1", attribute: "mode", value: { a: 1 } };
  const set = one.broker.setAttribute({ ...write, expectedVersion: 0 });
  await rig.settle();
  const { version } = await set;
  expect(two.replica.devices.get("r1")?.attributes.get("mode")).toMatchObject({ version });
  const late = two.broker.setAttribute({ ...write, expectedVersion: 0 });
  const caught = late.catch((error: unknown) => error);
  await rig.settle();
  expect(await caught).toMatchObject({
    code: "version-conflict",
    details: { currentVersion: version },
  });
});
