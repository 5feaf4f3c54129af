import { expect, test } from "vitest";
import { WaitingUpdates, type Writer } from "../../../src/broker/waiting-updates.ts";
import { BrokerRig } from "../../support/broker-rig.ts";
import { heapSizeBytes } from "../../support/heap.ts";

/** What waits for a batch lives until it is in the log; each object of it is copied by the collector in that time. */
test("a device update that waits for the log is few objects", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const gateways = await Promise.all(
    Array.from({ length: 10 }, (_, at) => rig.connect(node, `gateway-${at}`)),
  );
  const publish = (times: number): void => {
    for (let at = 0; at < times; at++) {
      for (const [of, gateway] of gateways.entries()) {
        const more = { qos: 1, messageId: (at % 900) + 1 };
        gateway.publish(`sensors/r${of}-${at % 200}/x`, '{"x":1}', more);
      }
    }
  };
  publish(200);
  await rig.pass(300);
  rig.flock.isQuorate = false;
  publish(1);
  await rig.settle();
  const before = heapSizeBytes();
  publish(900);
  const sizeBytes = (heapSizeBytes() - before) / 9000;
  expect(node.broker.counters.stateUpdatesCoalesced).toBe(7000);
  expect(sizeBytes).toBeLessThan(600);
});

/** A value that a retained message of the same attribute follows is taken by itself, and no batch may ever come behind it. */
test("what was taken out of a batch by itself leaves nothing behind", () => {
  const waiting = new WaitingUpdates(65_536);
  const writer: Writer = { source: "robot", fence: "none" };
  const pass = (times: number): void => {
    for (let at = 0; at < times; at++) {
      const name = { device: "robot", attribute: `a${at % 100}` };
      waiting.put(writer, { ...name, value: "x".repeat(50) }, 50, null);
      for (const slot of waiting.takeOf(name).flat()) waiting.release(slot);
    }
  };
  waiting.put(writer, { device: "robot", attribute: "waits", value: 1 }, 8, null);
  pass(100);
  const before = heapSizeBytes();
  pass(10_000);
  expect(heapSizeBytes() - before).toBeLessThan(100_000);
  expect(waiting.take().flat()).toHaveLength(1);
});
