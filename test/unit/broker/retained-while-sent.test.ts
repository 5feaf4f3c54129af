import type { Packet } from "mqtt-packet";
import { expect, test } from "vitest";
import { defaultBrokerLimits } from "../../../src/broker/limits.ts";
import { BrokerRig, type RigClient, type RigNode } from "../../support/broker-rig.ts";

/** What happens while a client gets a hundred retained messages, ten at a time. */

const topics = Array.from({ length: 100 }, (_, at) => `sensors/d${String(at).padStart(3, "0")}/v`);
const last = topics.at(-1)!;

/** Takes and acknowledges. */
class SlowReader {
  readonly #rig: BrokerRig;
  readonly #client: RigClient;
  readonly seen: string[] = [];

  constructor(rig: BrokerRig, client: RigClient) {
    this.#rig = rig;
    this.#client = client;
  }

  async take(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      for (const { topic, payload, messageId } of this.#client.take("publish")) {
        this.seen.push(`${topic}=${payload}`);
        if (messageId) this.#client.send({ cmd: "puback", messageId } as Packet);
      }
      await this.#rig.pass(100);
    }
  }

  ofLast(): readonly string[] {
    return this.seen.filter((text) => text.startsWith(last)).map((text) => text.slice(-1));
  }
}

async function begin(
  rig: BrokerRig,
  writing: RigNode,
  reading: RigNode,
): Promise<{ publisher: RigClient; reader: SlowReader }> {
  const publisher = await rig.connect(writing, "publisher");
  for (const [at, topic] of topics.entries()) {
    publisher.publish(topic, "0", { qos: 1, retain: true, messageId: at + 1 });
  }
  await rig.settle();
  const client = await rig.connect(reading, "reader", { properties: { receiveMaximum: 10 } });
  client.subscribe("sensors/#", { qos: 1 });
  await rig.settle();
  expect(client.take("suback")).toHaveLength(1);
  publisher.take("puback");
  return { publisher, reader: new SlowReader(rig, client) };
}

test.each([
  ["retained", true],
  ["not retained", false],
])("nothing published after the SUBACK is lost, the first of two %s", async (_what, isRetained) => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const { publisher, reader } = await begin(rig, node, node);
  publisher.publish(last, "1", { qos: 1, retain: isRetained, messageId: 201 });
  publisher.publish(last, "2", { qos: 1, retain: true, messageId: 202 });
  await rig.settle();
  expect(publisher.take("puback")).toHaveLength(2);
  await reader.take(30);
  expect(reader.ofLast()).toEqual(["2", "1", "2"]);
});

test("nor when it comes from another node, later than the copy that is newer", async () => {
  const rig = new BrokerRig();
  const [near, far] = [rig.addNode(), rig.addNode()];
  const { publisher, reader } = await begin(rig, far, near);
  const forward = far.cluster.forward.bind(far.cluster);
  const held: Uint8Array[] = [];
  far.cluster.forward = (_nodeId, frame) => {
    held.push(Uint8Array.from(frame));
    return "queued";
  };
  for (const text of ["1", "2"]) {
    publisher.publish(last, text, { qos: 1, retain: true, messageId: 200 + Number(text) });
  }
  await rig.settle();
  await reader.take(30);
  expect(reader.ofLast()).toEqual(["2"]);
  for (const frame of held) forward(near.cluster.nodeId, Buffer.from(frame), "atLeastOnce");
  await reader.take(3);
  expect(reader.ofLast()).toEqual(["2", "1", "2"]);
});

test("nor when so much waits that the oldest goes ahead, and the newest still comes last", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ heldMessagesMax: 1 });
  const { publisher, reader } = await begin(rig, node, node);
  for (const text of ["1", "2", "3"]) {
    publisher.publish(last, text, { qos: 1, retain: true, messageId: 200 + Number(text) });
  }
  await rig.settle();
  await reader.take(30);
  expect(reader.ofLast()).toEqual(["1", "2", "3"]);
  expect(node.broker.counters.heldOverflows).toBe(2);
});

test("nor when the oldest goes ahead behind a copy that is newer", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ heldMessagesMax: 2 });
  const { publisher, reader } = await begin(rig, node, node);
  const near = topics[20]!;
  for (const text of ["1", "2"]) {
    publisher.publish(near, text, { qos: 1, retain: true, messageId: 200 + Number(text) });
  }
  await rig.settle();
  await reader.take(3);
  expect(reader.seen.filter((text) => text.startsWith(near))).toEqual([`${near}=2`]);
  publisher.publish(last, "3", { qos: 1, retain: true, messageId: 203 });
  await rig.settle();
  await reader.take(30);
  expect(reader.seen.filter((text) => text.startsWith(near)).map((text) => text.at(-1))).toEqual([
    ...["2", "1", "2"],
  ]);
  expect(reader.ofLast()).toEqual(["3"]);
});

test("the newest comes last when its live message is dropped on the way", async () => {
  const rig = new BrokerRig();
  const [near, far] = [rig.addNode(), rig.addNode()];
  const { publisher, reader } = await begin(rig, far, near);
  publisher.publish(last, "1", { qos: 1, retain: true, messageId: 201 });
  await rig.settle();
  far.cluster.forward = () => "dropped";
  publisher.publish(last, "2", { qos: 0, retain: true });
  await rig.pass(500);
  await reader.take(30);
  expect(reader.ofLast()).toEqual(["2", "1", "2"]);
});

test("a topic whose live messages the session has no room for still comes as a copy", async () => {
  const rig = new BrokerRig();
  const { session } = defaultBrokerLimits;
  const node = rig.addNode({ session: { ...session, queuedMessagesMax: 30 } });
  const { publisher, reader } = await begin(rig, node, node);
  for (const [at, topic] of topics.entries()) {
    publisher.publish(topic, "1", { qos: 1, retain: true, messageId: 300 + at });
    publisher.publish(topic, "2", { qos: 1, retain: true, messageId: 500 + at });
  }
  await rig.settle();
  await reader.take(40);
  expect(new Set(reader.seen.map((text) => text.slice(0, -2))).size).toBe(topics.length);
});

test("a state that is replaced by a snapshot meanwhile ends nothing early", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const records = new Map<string, Uint8Array>();
  const apply = node.replica.apply.bind(node.replica);
  node.replica.apply = (command, context, writer) =>
    apply(command, context, {
      put(key, value) {
        records.set(key, Uint8Array.from(value));
        writer.put(key, value);
      },
      delete(key) {
        records.delete(key);
        writer.delete(key);
      },
    });
  const { reader } = await begin(rig, node, node);
  node.replica.reset();
  await reader.take(3);
  // Eight more were in the queue of its session.
  expect(reader.seen).toHaveLength(18);
  for (const [key, value] of records) node.replica.restore(key, value);
  node.replica.restored();
  await reader.take(30);
  expect(reader.seen.map((text) => text.slice(0, -2))).toEqual(topics);
});
