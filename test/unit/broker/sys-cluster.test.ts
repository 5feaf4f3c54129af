import { expect, test } from "vitest";
import { BrokerRig } from "../../support/broker-rig.ts";

test("$SYS/cluster tells nodes, leader, term, quorum, and what is stored, as they change", async () => {
  const rig = new BrokerRig();
  const n1 = rig.addNode();
  const n2 = rig.addNode({}, { sysIntervalMs: 1000 });
  n2.cluster.metrics = () => new Map([["raft_term", 7]]);
  const watcher = await rig.connect(n2, "watcher");
  watcher.subscribe("$SYS/cluster/#");
  await rig.pass(1200);
  const values = new Map(
    watcher.take("publish").map(({ topic, payload }) => [topic, payload.toString()]),
  );
  expect([...values].sort()).toEqual([
    ["$SYS/cluster/id", n2.cluster.clusterId],
    ["$SYS/cluster/leader", "n1"],
    ["$SYS/cluster/messages/stored", "0"],
    ["$SYS/cluster/messages/stored/bytes", "0"],
    ["$SYS/cluster/node", "n2"],
    ["$SYS/cluster/nodes", "2"],
    ["$SYS/cluster/nodes/n1/state", "up"],
    ["$SYS/cluster/nodes/n1/voter", "1"],
    ["$SYS/cluster/nodes/n2/state", "up"],
    ["$SYS/cluster/nodes/n2/voter", "1"],
    ["$SYS/cluster/quorum", "1"],
    ["$SYS/cluster/sessions/stored", "0"],
    ["$SYS/cluster/term", "7"],
  ]);

  const properties = { sessionExpiryInterval: 600 };
  const durable = await rig.connect(n2, "durable", { clean: false, properties });
  durable.subscribe("t", { qos: 1 });
  await rig.settle();
  durable.drop();
  await rig.settle();
  watcher.publish("t", "payload", { qos: 1, messageId: 9 });
  await rig.pass(1200);
  expect(watcher.texts().sort()).toEqual([
    "$SYS/cluster/messages/stored/bytes=264",
    "$SYS/cluster/messages/stored=1",
    "$SYS/cluster/sessions/stored=1",
  ]);
  n1.cluster.setDown(true);
  rig.flock.isQuorate = false;
  await rig.pass(1200);
  expect(watcher.texts().sort()).toEqual([
    "$SYS/cluster/nodes/n1/state=down",
    "$SYS/cluster/quorum=0",
  ]);
});
