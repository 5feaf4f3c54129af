import { expect, test } from "vitest";
import { encodeCommand } from "../../../src/replica/commands.ts";
import { BrokerRig, type RigClient } from "../../support/broker-rig.ts";
import { message } from "../../support/replica-model.ts";

const durable = { clean: false, properties: { sessionExpiryInterval: 600 } };

/** One, two and three members at three nodes. */
async function withGroup(
  options: Parameters<BrokerRig["addNode"]>[1],
  session: Parameters<BrokerRig["connect"]>[2],
): Promise<{ rig: BrokerRig; publishers: RigClient[]; members: RigClient[] }> {
  const rig = new BrokerRig();
  const nodes = [1, 2, 3].map(() => rig.addNode({}, options));
  const members: RigClient[] = [];
  for (const [at, node] of nodes.entries()) {
    for (let count = 0; count <= at; count++) {
      const member = await rig.connect(node, `m${at}-${count}`, session);
      member.subscribe("$share/g/t/+", { qos: 1 });
      members.push(member);
    }
  }
  await rig.settle();
  const publishers: RigClient[] = [];
  for (const node of nodes) publishers.push(await rig.connect(node, node.cluster.name));
  return { rig, publishers, members };
}

/** Members acknowledge at once, save those that are slow. Answers how many each got. */
async function share(
  { rig, publishers, members }: Awaited<ReturnType<typeof withGroup>>,
  count: number,
  slow: readonly RigClient[] = [],
): Promise<number[]> {
  const given = members.map(() => 0);
  for (let sent = 0; sent < count; sent++) {
    const publisher = publishers[sent % publishers.length]!;
    publisher.publish(`t/${sent % 10}`, String(sent), { qos: 1, messageId: sent + 1 });
    await rig.settle();
    members.forEach((member, at) => {
      for (const { messageId = 0 } of member.take("publish")) {
        given[at]!++;
        if (!slow.includes(member)) member.send({ cmd: "puback", messageId, reasonCode: 0 });
      }
    });
    await rig.settle();
  }
  return given;
}

test.each([
  ["end with their connections", {}],
  ["are stored", durable],
])("members whose sessions %s get equal shares at every node", async (_what, session) => {
  const group = await withGroup({}, session);
  const given = await share(group, 60);
  expect(given.reduce((sum, count) => sum + count, 0)).toBe(60);
  for (const count of given) expect(Math.abs(count - 10)).toBeLessThanOrEqual(2);
});

test("a stored member that does not acknowledge gets no more while the others do", async () => {
  const group = await withGroup({}, durable);
  const [first, ...others] = await share(group, 60, [group.members[0]!]);
  expect(first).toBe(1);
  for (const count of others) expect(Math.abs(count - 12)).toBeLessThanOrEqual(2);
});

test("a member that does not read gets no more while the others do", async () => {
  const group = await withGroup({}, {});
  const slow = group.members[1]!;
  slow.heldSizeBytes = 8 * 1024 * 1024;
  const given = await share(group, 60);
  expect(given.reduce((sum, count) => sum + count, 0)).toBe(60);
  expect(given[1]).toBeLessThan(4);
});

test.each([
  ["end with their connections", {}],
  ["are stored", durable],
])(
  "sticky and hash-topic hold across nodes for members whose sessions %s",
  async (_what, session) => {
    const sticky = await share(await withGroup({ shareStrategy: "sticky" }, session), 30);
    expect(sticky.filter((count) => count > 0)).toEqual([30]);
    // Ten topics with three messages each, from three nodes.
    const byTopic = await share(await withGroup({ shareStrategy: "hash-topic" }, session), 30);
    expect(byTopic.every((count) => count % 3 === 0)).toBe(true);
    expect(byTopic.filter((count) => count > 0).length).toBeGreaterThan(2);
  },
);

test.each([
  ["end with their connections", {}],
  ["are stored", durable],
])(
  "local-first stays at the publisher's node for members whose sessions %s",
  async (_what, session) => {
    const group = await withGroup({ shareStrategy: "local-first" }, session);
    const given = await share(group, 36);
    // A third of the messages for each node, whatever its number of members.
    expect(given).toEqual([12, 6, 6, 4, 4, 4]);
  },
);

test("the default strategy costs no byte of a command", () => {
  const published = message("t", "payload", { qos: 1 });
  const command = { type: "publish" as const, message: published, updates: [] };
  const plain = encodeCommand(command);
  expect(encodeCommand({ ...command, shareStrategy: "sticky" }).length).toBe(plain.length + 2);
  expect(plain.at(-1)).toBe(0);
});
