import type { Packet } from "mqtt-packet";
import { expect, test } from "vitest";
import { defaultBrokerLimits } from "../../../src/broker/limits.ts";
import { decodeCommand } from "../../../src/replica/commands.ts";
import { BrokerRig, type RigClient, type RigNode } from "../../support/broker-rig.ts";

const properties = { sessionExpiryInterval: 600 };

async function stored(rig: BrokerRig, node: RigNode, clientId: string): Promise<RigClient> {
  const client = await rig.connect(node, clientId, { properties, clean: false });
  client.subscribe("t", { qos: 2 });
  await rig.settle();
  client.inbox.length = 0;
  return client;
}

test("a message that had to ask whether anybody stored waits comes before the next one of its publisher", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const publisher = await rig.connect(node, "pub");
  const subscriber = await rig.connect(node, "sub", { properties, clean: false });
  // Its answer comes when the SUBSCRIBE has been applied and the second message is there.
  const answers: (() => void)[] = [];
  node.cluster.readBarrier = () => new Promise((resolve) => answers.push(() => resolve("ok")));
  publisher.publish("t", "1", { qos: 1, messageId: 1 });
  await rig.settle();
  subscriber.subscribe("t", { qos: 1 });
  await rig.settle();
  publisher.publish("t", "2", { qos: 1, messageId: 2 });
  await rig.settle();
  for (const answer of answers.splice(0)) answer();
  await rig.settle();
  for (const answer of answers.splice(0)) answer();
  await rig.settle();
  expect(subscriber.texts().filter((text, at, all) => all.indexOf(text) === at)).toEqual([
    "t=1",
    "t=2",
  ]);
  expect(publisher.take("puback").map(({ messageId }) => messageId)).toEqual([1, 2]);
});

test.each(["another node", "the same node"])(
  "what a client acknowledged just before it came back to %s is not repeated",
  async (where) => {
    const rig = new BrokerRig();
    const [here, other] = [rig.addNode(), rig.addNode()];
    const old = await stored(rig, here, "c");
    const publisher = await rig.connect(here, "pub");
    for (const qos of [1, 2]) publisher.publish("t", `${qos}`, { qos, messageId: qos });
    await rig.settle();
    const sent = old.take("publish");
    expect(sent).toHaveLength(2);
    const propose = here.cluster.propose.bind(here.cluster);
    const held: (() => void)[] = [];
    here.cluster.propose = (command, ...rest) => {
      if (decodeCommand(command)?.type === "settle") held.push(() => propose(command, ...rest));
      else propose(command, ...rest);
    };
    for (const { qos, messageId } of sent) {
      // An error ends a delivery at QoS 2 [MQTT-4.4.0-2].
      const reasonCode = qos === 1 ? 0 : 0x80;
      old.send({ cmd: qos === 1 ? "puback" : "pubrec", messageId, reasonCode } as Packet);
    }
    await rig.settle();
    const again = rig.open(where === "another node" ? other : here);
    again.connect("c", { properties, clean: false });
    await rig.settle();
    // Its claim is in the log ahead of the acknowledgements, and waits for them.
    for (const proceed of held.splice(0)) proceed();
    await rig.settle();
    for (const proceed of held.splice(0)) proceed();
    await rig.settle();
    expect(again.take("connack")).toMatchObject([{ sessionPresent: true }]);
    expect(again.take("publish")).toEqual([]);
  },
);

test.each(["another node", "the same node"])(
  "nor is it when the log refused it at first, and the client came back to %s before it was said again",
  async (where) => {
    const rig = new BrokerRig();
    const [here, other] = [rig.addNode(), rig.addNode()];
    const old = await stored(rig, here, "c");
    const publisher = await rig.connect(here, "pub");
    publisher.publish("t", "1", { qos: 1, messageId: 1 });
    await rig.settle();
    const { messageId } = old.take("publish")[0]!;
    const propose = here.cluster.propose.bind(here.cluster);
    let refused = 0;
    here.cluster.propose = (command, timeoutMs, done) => {
      if (refused === 0 && decodeCommand(command)?.type === "settle") {
        refused += 1;
        done({ status: "rejected", reason: "overloaded" });
      } else propose(command, timeoutMs, done);
    };
    old.send({ cmd: "puback", messageId } as Packet);
    await rig.settle();
    const again = rig.open(where === "another node" ? other : here);
    again.connect("c", { properties, clean: false });
    await rig.pass(500);
    expect(refused).toBe(1);
    expect(again.take("connack")).toMatchObject([{ sessionPresent: true }]);
    expect(again.take("publish")).toEqual([]);
  },
);

test("a node where only stored sessions wait is sent nothing that they get from the log", async () => {
  const rig = new BrokerRig();
  const [here, other] = [rig.addNode(), rig.addNode()];
  const waiting = await stored(rig, other, "c");
  const publisher = await rig.connect(here, "pub");
  const sent = (): number => here.broker.counters.forwardSent;
  publisher.publish("t", "1", { qos: 1, messageId: 1 });
  publisher.publish("t", "2", { qos: 2, messageId: 2 });
  await rig.settle();
  publisher.send({ cmd: "pubrel", messageId: 2 } as Packet);
  await rig.settle();
  expect(waiting.texts()).toEqual(["t=1", "t=2"]);
  expect(sent()).toBe(0);
  publisher.publish("t", "3", { qos: 0 });
  await rig.settle();
  expect(waiting.texts()).toEqual(["t=3"]);
  expect(sent()).toBe(1);

  const live = await rig.connect(other, "live");
  live.subscribe("t", { qos: 1 });
  await rig.settle();
  publisher.publish("t", "4", { qos: 1, messageId: 4 });
  await rig.settle();
  expect(live.texts()).toEqual(["t=4"]);
  expect(sent()).toBe(2);

  live.drop();
  waiting.subscribe("t", { qos: 0 });
  await rig.settle();
  waiting.inbox.length = 0;
  publisher.publish("t", "5", { qos: 1, messageId: 5 });
  await rig.settle();
  expect(waiting.texts()).toEqual(["t=5"]);
  expect(sent()).toBe(3);
});

test("who publishes for the API hears that it was delivered, also to a stored session on another node", async () => {
  const rig = new BrokerRig();
  const [here, other] = [rig.addNode(), rig.addNode()];
  const device = await stored(rig, other, "device");
  const payload = Buffer.from("go");
  const publishing = here.broker.publish({
    topic: "t",
    payload,
    qos: 1,
    retain: false,
    properties: null,
  });
  await rig.settle();
  expect(await publishing).toMatchObject({ delivery: "delivered", matched: 1 });
  expect(device.texts()).toEqual(["t=go"]);
});

test("an UNSUBSCRIBE right behind its SUBSCRIBE leaves nothing behind, here or in the log", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const client = await rig.connect(node, "c", { properties, clean: false });
  client.subscribe("t", { qos: 1 }, 1);
  client.send({ cmd: "unsubscribe", messageId: 2, unsubscriptions: ["t"] });
  await rig.settle();
  expect(client.take("unsuback")[0]).toMatchObject({ granted: [0] });
  expect(node.broker.figures().subscriptions).toBe(0);
  expect(node.replica.sessions.subscriptionCount).toBe(0);
});

test("a claim that the log got after its CONNECT was refused is given back", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const first = await stored(rig, node, "c");
  first.drop();
  await rig.settle();
  rig.flock.isQuorate = false;
  const again = rig.open(node);
  again.connect("c", { properties, clean: false });
  await rig.pass(11_000);
  expect(again.take("connack")[0]?.reasonCode).toBeGreaterThanOrEqual(0x80);
  rig.flock.isQuorate = true;
  await rig.settle();
  expect(node.replica.sessions.get("c")?.isConnected).toBe(true);
  await rig.pass(3000);
  expect(node.replica.sessions.get("c")?.isConnected).toBe(false);
  expect(node.replica.ownerOf("c")).toBeNull();
});

test("a late claim closes the older connection of its client, though nobody is left of its own", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const old = await stored(rig, node, "c");
  rig.flock.isQuorate = false;
  const again = rig.open(node);
  again.connect("c", { properties, clean: false });
  await rig.pass(11_000);
  expect(again.take("connack")[0]?.reasonCode).toBeGreaterThanOrEqual(0x80);
  expect(old.isEnded).toBe(false);
  rig.flock.isQuorate = true;
  await rig.settle();
  expect(old.take("disconnect")[0]?.reasonCode).toBe(0x8e);
  await rig.pass(3000);
  expect(node.replica.ownerOf("c")).toBeNull();
});

test("a late claim is not given back under a client that is connected by then", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  rig.flock.isQuorate = false;
  const refused = rig.open(node);
  refused.connect("c", { properties, clean: false });
  await rig.pass(11_000);
  rig.flock.isQuorate = true;
  await rig.settle();
  const client = await stored(rig, node, "c");
  await rig.pass(5000);
  expect(client.isEnded).toBe(false);
  expect(node.replica.sessions.get("c")?.isConnected).toBe(true);
});

test("PUBREL waits until the log has the PUBREC, PUBCOMP until it has the PUBREL", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const client = await stored(rig, node, "c");
  client.publish("t", "1", { qos: 2, messageId: 9 });
  await rig.settle();
  const { messageId } = client.take("publish")[0]!;
  client.take("pubrec");
  rig.flock.isQuorate = false;
  client.send({ cmd: "pubrec", messageId: messageId! });
  client.send({ cmd: "pubrel", messageId: 9 });
  await rig.settle();
  expect(client.inbox).toEqual([]);
  rig.flock.isQuorate = true;
  await rig.settle();
  expect(client.take("pubrel")).toHaveLength(1);
  expect(client.take("pubcomp")).toHaveLength(1);
});

test("what a snapshot brought is delivered, in order and once", async () => {
  const rig = new BrokerRig();
  const [one, two] = [rig.addNode(), rig.addNode()];
  const client = await stored(rig, two, "c");
  const publisher = await rig.connect(one, "pub");
  publisher.publish("t", "1", { qos: 1, messageId: 1 });
  await rig.settle();
  // It lags behind, and nobody takes it for dead.
  two.cluster.isDown = true;
  publisher.publish("t", "2", { qos: 1, messageId: 2 });
  publisher.publish("t", "3", { qos: 1, messageId: 3 });
  await rig.settle();
  two.cluster.isDown = false;
  rig.flock.install(two.cluster);
  publisher.publish("t", "4", { qos: 1, messageId: 4 });
  await rig.settle();
  expect(client.texts()).toEqual(["t=1", "t=2", "t=3", "t=4"]);
});

test("a connection that a snapshot knows elsewhere is closed", async () => {
  const rig = new BrokerRig();
  const [one, two] = [rig.addNode(), rig.addNode()];
  const old = await stored(rig, two, "c");
  two.cluster.isDown = true;
  await rig.connect(one, "c", { properties, clean: false });
  expect(old.isEnded).toBe(false);
  two.cluster.isDown = false;
  rig.flock.install(two.cluster);
  await rig.settle();
  expect(old.take("disconnect")[0]?.reasonCode).toBe(0x8e);
});

test("a message that an earlier connection was sent is a repetition, though the last connection sent nothing", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const first = await stored(rig, node, "c");
  first.publish("t", "1", { qos: 1, messageId: 1 });
  await rig.settle();
  first.drop();
  await rig.settle();
  const slow = rig.open(node);
  slow.heldSizeBytes = Number.MAX_SAFE_INTEGER;
  slow.connect("c", { properties, clean: false });
  await rig.settle();
  slow.drop();
  await rig.settle();
  const last = await rig.connect(node, "c", { properties, clean: false });
  expect(last.take("publish").map(({ dup }) => dup)).toEqual([true]);
});

test("a DISCONNECT that shortens the interval to 0 ends the session, with what waited in it", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const client = await stored(rig, node, "c");
  client.publish("t", "1", { qos: 1, messageId: 1 });
  await rig.settle();
  const now = { sessionExpiryInterval: 0 };
  client.send({ cmd: "disconnect", reasonCode: 0, properties: now });
  await rig.settle();
  expect(node.replica.sessions.count).toBe(0);
  expect(node.replica.sessions.messageCount).toBe(0);
});

test("a session of MQTT 3.1.1 without a clean session ends after the longest interval that is allowed", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ sessionExpirySecondsMax: 5 });
  const client = await rig.connect(node, "c", { protocolVersion: 4, clean: false });
  client.send({ cmd: "disconnect" });
  await rig.pass(4500);
  expect(node.replica.sessions.count).toBe(1);
  await rig.pass(1000);
  expect(node.replica.sessions.count).toBe(0);
});

test("more Wills than one command publishes come at once all the same", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const watcher = await rig.connect(node, "watcher");
  watcher.subscribe("gone", { qos: 1 });
  const will = { topic: "gone", payload: Buffer.from("x"), qos: 1 as const, retain: false };
  const delayed = { ...will, properties: { willDelayInterval: 5 } };
  const clients: RigClient[] = [];
  for (let at = 0; at < 200; at++) {
    clients.push(await rig.connect(node, `c${at}`, { properties, will: delayed }));
  }
  for (const client of clients) client.drop();
  await rig.pass(5300);
  expect(watcher.texts()).toHaveLength(200);
});

test("without a quorum nothing is acknowledged; `available` acknowledges what no stored session here waits for", async () => {
  const rig = new BrokerRig();
  const strict = rig.addNode();
  const lenient = rig.addNode({}, { partitionMode: "available" });
  await stored(rig, strict, "sub");
  const [first, second] = [await rig.connect(strict, "p1"), await rig.connect(lenient, "p2")];
  rig.flock.isQuorate = false;
  first.publish("other", "1", { qos: 1, messageId: 1 });
  second.publish("other", "1", { qos: 1, messageId: 1 });
  second.publish("t", "1", { qos: 1, messageId: 2 });
  await rig.settle();
  expect(first.take("puback")).toEqual([]);
  expect(second.take("puback").map(({ messageId }) => messageId)).toEqual([1]);
  await rig.pass(10_500);
  expect(first.take("disconnect")[0]?.reasonCode).toBe(0x89);
});

test("a Will comes to one member of a shared subscription, on whatever node, and once to everybody else", async () => {
  for (const qos of [0, 1, 2] as const) {
    const rig = new BrokerRig();
    rig.flock.isElecting = true;
    const [one, two, three] = [rig.addNode(), rig.addNode(), rig.addNode()];
    const will = { topic: "gone", payload: Buffer.from("x"), qos, retain: false };
    const members: RigClient[] = [];
    const watchers: RigClient[] = [];
    for (const [at, node] of [two, three].entries()) {
      const member = await rig.connect(node, `m${at}`);
      member.subscribe("$share/g/gone", { qos: 1 });
      members.push(member);
      const watcher = await rig.connect(node, `w${at}`);
      watcher.subscribe("gone", { qos: 1 });
      watchers.push(watcher);
    }
    await rig.settle();
    const broken = await rig.connect(two, "broken", { will });
    broken.drop();
    await rig.settle();
    expect(members.flatMap((member) => member.texts())).toEqual(["gone=x"]);
    await rig.connect(one, "lost", { will });
    one.cluster.setDown(true);
    await rig.pass(600);
    expect(members.flatMap((member) => member.texts())).toEqual(["gone=x"]);
    for (const watcher of watchers) expect(watcher.texts()).toEqual(["gone=x", "gone=x"]);
  }
});

test("where the oldest goes first, a slow client of a full queue gets the newest, wherever it comes back to", async () => {
  const rig = new BrokerRig();
  const session = { ...defaultBrokerLimits.session, queuedMessagesMax: 10 };
  const node = rig.addNode({ session: { ...session, queuedDrop: "oldest" } });
  const other = rig.addNode();
  const slow = { properties: { ...properties, receiveMaximum: 1 }, clean: false };
  const client = await rig.connect(node, "c", slow);
  client.subscribe("t", { qos: 1 });
  await rig.settle();
  const publisher = await rig.connect(other, "pub");
  // A connected client may have 1,000, since it may be under way to it.
  for (let number = 1; number <= 1003; number++) {
    publisher.publish("t", `${number}`, { qos: 1, messageId: number });
    if (number % 100 === 0) await rig.settle();
  }
  await rig.settle();
  expect(client.texts()).toEqual(["t=1"]);
  client.send({ cmd: "puback", messageId: 1 });
  await rig.settle();
  expect(client.texts()).toEqual(["t=4"]);
  client.drop();
  await rig.settle();
  publisher.publish("t", "last", { qos: 1, messageId: 2000 });
  await rig.settle();
  expect(node.replica.sessions.get("c")?.queue.size).toBe(10);
  const again = await rig.connect(other, "c", { properties, clean: false });
  expect(again.texts()).toEqual(
    [...[995, 996, 997, 998, 999, 1000, 1001, 1002, 1003, "last"]].map((text) => `t=${text}`),
  );
});
