import { expect, test } from "vitest";
import { BusyClient, BusyClients } from "../../../src/broker/busy-clients.ts";
import { BrokerCounters } from "../../../src/broker/counters.ts";
import { BrokerRig } from "../../support/broker-rig.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const limits = { busyClientShareMs: 0.1, busyClientRestMs: 1 };
const full = "x".repeat(1024);

function busyClients(given = limits): {
  clock: FakeClock;
  busy: BusyClients;
  counters: BrokerCounters;
} {
  const clock = new FakeClock();
  const counters = new BrokerCounters();
  return { clock, counters, busy: new BusyClients(clock, given, counters) };
}

/** A node whose clients have had their share with the first full read, since no time passes in a test. */
async function rigOfBusy() {
  const rig = new BrokerRig();
  const node = rig.addNode({ readSizeBytes: 1024, busyClientShareMs: 0 });
  const writer = await rig.connect(node, "writer");
  const other = await rig.connect(node, "other");
  return { rig, node, writer, other };
}

test("a client has its share of each millisecond, and a new one of the next", () => {
  const { busy } = busyClients();
  const client = new BusyClient();
  busy.othersPublished(10);
  expect(busy.hasHadItsShare(client, 10, 10.06)).toBe(false);
  expect(busy.hasHadItsShare(client, 10.5, 10.56)).toBe(true);
  expect(busy.hasHadItsShare(client, 11, 11.06)).toBe(false);
  expect(busy.hasHadItsShare(client, 12, 14)).toBe(true);
});

test("nobody rests for others who have not published for long, nor where it is turned off", () => {
  const { busy } = busyClients();
  const client = new BusyClient();
  expect(busy.hasHadItsShare(client, 0, 5)).toBe(false);
  busy.othersPublished(10);
  expect(busy.hasHadItsShare(client, 109, 109.5)).toBe(true);
  expect(busy.hasHadItsShare(client, 110, 111)).toBe(false);
  const off = busyClients({ ...limits, busyClientRestMs: 0 }).busy;
  off.othersPublished(10);
  expect(off.hasHadItsShare(client, 10, 15)).toBe(false);
});

test("all who rest are read on by one timer", () => {
  const { clock, busy, counters } = busyClients();
  const read: string[] = [];
  for (const name of ["a", "b"]) busy.rest({ readOn: () => read.push(name) });
  expect(clock.pendingTimers()).toBe(1);
  clock.advance(0.9);
  expect(read).toEqual([]);
  clock.advance(0.1);
  expect(read).toEqual(["a", "b"]);
  expect(counters.busyClientsRested).toBe(2);
  busy.rest({ readOn: () => read.push("c") });
  clock.advance(1);
  expect(read).toEqual(["a", "b", "c"]);
});

test("a client at full speed rests while others publish, and loses nothing by it", async () => {
  const { rig, node, writer, other } = await rigOfBusy();
  const reader = await rig.connect(node, "reader");
  reader.subscribe("#");
  await rig.settle();
  writer.publish("t", full);
  expect(writer.isReadingPaused).toBe(true);
  await rig.settle();
  expect(writer.isReadingPaused).toBe(false);
  other.publish("t", "little");
  writer.publish("t", full);
  await rig.settle();
  expect(writer.isReadingPaused).toBe(true);
  expect(node.broker.counters.busyClientsRested).toBe(1);
  await rig.pass(1);
  expect(writer.isReadingPaused).toBe(false);
  expect(reader.texts()).toEqual([`t=${full}`, "t=little", `t=${full}`]);
});

test("clients at full speed do not hold each other back", async () => {
  const { rig, node, writer, other } = await rigOfBusy();
  for (let round = 0; round < 3; round++) {
    for (const one of [writer, other]) {
      one.publish("t", full);
      await rig.settle();
      // The rest of what was under way, less than a full read.
      one.publish("t", "little");
    }
  }
  expect(node.broker.counters.readsRested).toBe(6);
  expect(node.broker.counters.busyClientsRested).toBe(0);
});

test("a client that was closed while it rested is done with", async () => {
  const { rig, node, writer, other } = await rigOfBusy();
  other.publish("t", "little");
  writer.publish("t", full);
  writer.drop();
  await rig.pass(1);
  expect(node.broker.counters.internalErrors).toBe(0);
});
