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

/** In one read with 30 KB for nobody; `isGiven`: as of TLS and WebSocket, whose memory is not used again. */
function readAmongOthers(client: RigClient, bytes: Buffer, isGiven = false): void {
  const read = Buffer.concat([bytes, filler]);
  if (isGiven) memory.useGiven(read, client.handler!);
  else {
    memory.use(read, read.length, client.handler!);
    read.fill(0xee);
  }
}

test.each([
  ["of what a socket read", false, {}],
  ["of a chunk of TLS", true, {}],
  ["of what was read when the time for it was over", false, { readingTurnMs: 0 }],
])("a payload in flight, %s, keeps little more than itself alive", async (_, isGiven, limits) => {
  const rig = new BrokerRig();
  const node = rig.addNode(limits);
  const subscriber = await rig.connect(node, "subscriber");
  subscriber.subscribe("t", { qos: 1 });
  await rig.settle();
  const publisher = await rig.connect(node, "publisher");
  const before = buffersSizeBytes();
  for (let at = 1; at <= 900; at++) {
    // Where there is no time what comes second is not read in the same turn.
    readAmongOthers(publisher, Buffer.of(0xc0, 0), isGiven);
    readAmongOthers(publisher, packet("t", smallSizeBytes, 1, at), isGiven);
    rig.clock.endTurns();
    if (at % 50 === 0) await rig.settle();
  }
  await rig.settle();
  expect(node.broker.counters.readsDeferred).toBe("readingTurnMs" in limits ? 900 : 0);
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
