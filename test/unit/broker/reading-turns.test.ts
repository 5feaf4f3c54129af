import { expect, test } from "vitest";
import { ReadingTurns } from "../../../src/broker/reading-turns.ts";
import { BrokerRig } from "../../support/broker-rig.ts";
import { FakeClock } from "../../support/fake-clock.ts";

/** Reading one piece takes so long. */
const pieceMs = 5;

/** Time passes only while something is read; turns end one at a time. */
class SlowClock extends FakeClock {
  #slowMs = 0;
  #ends: (() => void)[] = [];

  override monotonicMs(): number {
    return this.#slowMs;
  }

  override endOfTurn(run: () => void): void {
    this.#ends.push(run);
  }

  work(): void {
    this.#slowMs += pieceMs;
  }

  endTurn(): void {
    for (const run of this.#ends.splice(0)) run();
  }
}

test("what comes when the time of a turn is over is read in the next ones, in its order", () => {
  const clock = new SlowClock();
  const turns = new ReadingTurns(clock, 2 * pieceMs);
  const read: number[] = [];
  const arrive = (piece: number): void => {
    const readNow = (): void => {
      clock.work();
      read.push(piece);
    };
    if (turns.hasTime(clock.monotonicMs())) readNow();
    else turns.defer({ readDeferred: readNow });
  };
  for (let piece = 1; piece <= 5; piece++) arrive(piece);
  expect(read).toEqual([1, 2]);
  clock.endTurn();
  expect(read).toEqual([1, 2, 3, 4]);
  // There would be time, but the fifth was here first.
  arrive(6);
  expect(read).toEqual([1, 2, 3, 4]);
  clock.endTurn();
  clock.endTurn();
  expect(read).toEqual([1, 2, 3, 4, 5, 6]);
  arrive(7);
  expect(read).toContain(7);
});

test("a node without time to read loses nothing of what many clients send at once, and keeps the order of each", async () => {
  // One piece a turn.
  const rig = new BrokerRig();
  const node = rig.addNode({ readingTurnMs: 0 });
  const reader = await rig.connect(node, "reader");
  reader.subscribe("#", { qos: 1 });
  await rig.settle();
  reader.take("suback");
  const writers = await Promise.all(["a", "b", "c"].map((id) => rig.connect(node, id)));
  for (let message = 1; message <= 4; message++) {
    for (const [at, writer] of writers.entries()) {
      writer.publish(`t/${at}`, `${message}`, { qos: 1, messageId: message });
    }
  }
  await rig.settle();
  const got = reader.texts();
  for (const [at, writer] of writers.entries()) {
    const own = got.filter((text) => text.startsWith(`t/${at}=`));
    expect(own).toEqual([1, 2, 3, 4].map((message) => `t/${at}=${message}`));
    expect(writer.take("puback")).toHaveLength(4);
  }
  expect(node.broker.counters.readsDeferred).toBeGreaterThan(0);
});

test("a client that has sent a full read is read on when all others had their turn", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ readSizeBytes: 1024 });
  const reader = await rig.connect(node, "reader");
  reader.subscribe("#");
  await rig.settle();
  const writer = await rig.connect(node, "writer");
  writer.publish("t", "short");
  expect(writer.isReadingPaused).toBe(false);
  writer.publish("t", "x".repeat(1024));
  expect(writer.isReadingPaused).toBe(true);
  expect(node.broker.counters.readsRested).toBe(1);
  await rig.settle();
  expect(writer.isReadingPaused).toBe(false);
  expect(reader.texts()).toEqual(["t=short", `t=${"x".repeat(1024)}`]);
});

test("many short pieces in one turn count like a long one", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ readSizeBytes: 1024 });
  const writer = await rig.connect(node, "writer");
  for (let piece = 0; piece < 3; piece++) writer.publish("t", "x".repeat(300));
  expect(writer.isReadingPaused).toBe(false);
  writer.publish("t", "x".repeat(300));
  expect(writer.isReadingPaused).toBe(true);
  // A WebSocket may go on with what it has read already.
  writer.publish("t", "x".repeat(300));
  expect(node.broker.counters.readsRested).toBe(1);
  await rig.settle();
  expect(writer.isReadingPaused).toBe(false);
  for (let piece = 0; piece < 3; piece++) writer.publish("t", "x".repeat(300));
  expect(writer.isReadingPaused).toBe(false);
});

test("a client that was closed while it waited for its turn is done with", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ readSizeBytes: 1024 });
  const writer = await rig.connect(node, "writer");
  writer.publish("t", "x".repeat(1024));
  writer.drop();
  await rig.settle();
  expect(node.broker.counters.internalErrors).toBe(0);
});

test("what a client sent before it went is read although its turn had no time", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode({ readingTurnMs: 0 });
  const reader = await rig.connect(node, "reader");
  reader.subscribe("#");
  await rig.settle();
  const writer = await rig.connect(node, "writer");
  writer.publish("t", "1", { qos: 0 });
  writer.publish("t", "2", { qos: 0 });
  writer.drop();
  await rig.settle();
  expect(reader.texts()).toEqual(["t=1", "t=2"]);
});
