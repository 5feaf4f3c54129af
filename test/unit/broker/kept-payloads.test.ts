import { generate } from "mqtt-packet";
import { expect, test } from "vitest";
import { ReadMemory } from "../../../src/listeners/read-memory.ts";
import { BrokerRig, type RigClient } from "../../support/broker-rig.ts";
import { buffersSizeBytes } from "../../support/heap.ts";

/**
 * A small payload that waits for a slow client comes with much that nobody keeps. What it keeps alive is not counted anywhere, so that it
 * must be little.
 */
const memory = new ReadMemory();
const smallSizeBytes = 20;

function packet(topic: string, sizeBytes: number, qos: 0 | 1 = 0, messageId = 1): Buffer {
  const payload = "x".repeat(sizeBytes);
  const fields = { cmd: "publish", topic, payload, qos, messageId } as const;
  return generate({ ...fields, retain: false, dup: false }, { protocolVersion: 5 });
}

const filler = Buffer.concat(Array.from({ length: 15 }, () => packet("nobody", 2000)));

/** In one read with 30 KB for nobody. */
function readAmongOthers(client: RigClient, bytes: Buffer): void {
  const read = Buffer.concat([bytes, filler]);
  memory.use(read, read.length, client.handler!);
  read.fill(0xee);
}

test("a payload that is in flight keeps little more than itself alive", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const subscriber = await rig.connect(node, "subscriber");
  subscriber.subscribe("t", { qos: 1 });
  await rig.settle();
  const publisher = await rig.connect(node, "publisher");
  const before = buffersSizeBytes();
  for (let at = 1; at <= 900; at++) {
    readAmongOthers(publisher, packet("t", smallSizeBytes, 1, at));
    if (at % 50 === 0) await rig.settle();
  }
  await rig.settle();
  const texts = subscriber.texts();
  expect(texts).toHaveLength(900);
  expect(new Set(texts)).toEqual(new Set([`t=${"x".repeat(smallSizeBytes)}`]));
  subscriber.inbox.length = 0;
  expect(buffersSizeBytes() - before).toBeLessThan(2_000_000);
});

test("a payload that a fresh subscription holds back keeps little more than itself alive", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const publisher = await rig.connect(node, "publisher");
  for (const at of [1, 2, 3]) {
    publisher.publish(`t/${at}`, "kept", { retain: true, qos: 1, messageId: at });
  }
  await rig.settle();
  const subscriber = await rig.connect(node, "subscriber");
  subscriber.heldSizeBytes = 5_000_000;
  subscriber.subscribe("t/#");
  await rig.pass(600);
  const before = buffersSizeBytes();
  for (let at = 0; at < 2000; at++) readAmongOthers(publisher, packet("t/x", smallSizeBytes));
  expect(buffersSizeBytes() - before).toBeLessThan(2_000_000);
  subscriber.heldSizeBytes = 0;
  subscriber.handler!.drained();
  await rig.pass(600);
  const live = subscriber.texts().filter((text) => text.startsWith("t/x="));
  expect(live).toHaveLength(2000);
  expect(new Set(live)).toEqual(new Set([`t/x=${"x".repeat(smallSizeBytes)}`]));
});
