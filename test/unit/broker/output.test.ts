import fc from "fast-check";
import { expect, test } from "vitest";
import { Gatherer } from "../../../src/broker/output-gathering.ts";
import { OutputRuns } from "../../../src/broker/output-runs.ts";
import { RunPool } from "../../../src/broker/run-pool.ts";
import { RESERVED_SIZE_BYTES_MAX } from "../../../src/mqtt/packet-sink.ts";
import { BrokerRig } from "../../support/broker-rig.ts";

test("everything of one turn goes out in one write", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const subscriber = await rig.connect(node, "sub");
  subscriber.subscribe("#", { qos: 1 });
  await rig.settle();
  const publisher = await rig.connect(node, "pub");
  const before = [subscriber.writes, publisher.writes];
  for (let messageId = 1; messageId <= 100; messageId++) {
    publisher.publish("a", "x", { qos: 1, messageId });
  }
  rig.clock.endTurns();
  expect(subscriber.texts()).toHaveLength(100);
  // The acknowledgements wait until this node is in step with what others acknowledged; then they leave together, too.
  await rig.settle();
  expect(publisher.take("puback")).toHaveLength(100);
  expect([subscriber.writes, publisher.writes]).toEqual(before.map((count) => count + 1));
});

test("small buffers are joined, large ones passed by reference, order kept", () => {
  const large = Buffer.alloc(5000, 2);
  const chunks = [Buffer.from("ab"), Buffer.from("cd"), large, Buffer.from("e"), Buffer.from("f")];
  const runs = new OutputRuns(new RunPool(), new Gatherer());
  for (const chunk of chunks) runs.push(chunk);
  const taken = runs.take();
  expect(taken).toHaveLength(3);
  expect(taken[1]).toBe(large);
  expect(Buffer.concat(taken)).toEqual(Buffer.concat(chunks));
});

test("a long run is lent to the socket and used again when the socket is done with it", () => {
  const pool = new RunPool();
  const runs = new OutputRuns(pool, new Gatherer());
  const fill = (byte: number): readonly Buffer[] => {
    for (let count = 0; count < 40; count++) runs.push(Buffer.alloc(1024, byte));
    return runs.take();
  };
  const first = fill(1);
  const giveBack = runs.giveBack();
  const second = fill(2);
  expect(runs.giveBack()).toBeDefined();
  expect(second[0]!.buffer).not.toBe(first[0]!.buffer);
  expect(Buffer.concat(first)).toEqual(Buffer.alloc(40 * 1024, 1));
  giveBack!();
  expect(fill(3)[0]!.buffer).toBe(first[0]!.buffer);
  runs.push(Buffer.from("short"));
  runs.take();
  expect(runs.giveBack()).toBeDefined();
  runs.push(Buffer.from("short"));
  runs.take();
  expect(runs.giveBack()).toBeUndefined();
});

test("clients with the same output share its memory, and one that differs does not", () => {
  const gatherer = new Gatherer();
  const [one, other, third] = [0, 0, 0].map(() => new OutputRuns(new RunPool(), gatherer));
  const chunks = ["a", "b", "c"].map((text) => Buffer.from(text));
  for (const runs of [one!, other!]) for (const chunk of chunks) runs.share(chunk);
  for (const chunk of [chunks[0]!, chunks[2]!]) third!.share(chunk);
  const taken = one!.take();
  expect(other!.take()).toBe(taken);
  expect(Buffer.concat(taken).toString()).toBe("abc");
  expect(Buffer.concat(third!.take()).toString()).toBe("ac");
});

test("what was taken stays as it is, whatever the pool's memory is used for next", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.integer({ min: 1, max: 6000 }), { maxLength: 40 }), { maxLength: 6 }),
      (turns) => {
        const pool = new RunPool();
        const gatherer = new Gatherer();
        const clients = [new OutputRuns(pool, gatherer), new OutputRuns(pool, gatherer)];
        const expected = clients.map(() => [] as Buffer[]);
        const taken = clients.map(() => [] as Buffer[]);
        let fill = 0;
        for (const turn of turns) {
          for (const sizeBytes of turn) {
            const at = fill % clients.length;
            const bytes = Buffer.alloc(sizeBytes, ++fill);
            expected[at]!.push(bytes);
            writeTo(clients[at]!, bytes);
          }
          for (const [at, runs] of clients.entries()) {
            // What the socket has read may be overwritten, so what is kept here is a copy.
            taken[at]!.push(...runs.take().map((chunk) => Buffer.from(chunk)));
            runs.giveBack()?.();
          }
        }
        for (const at of clients.keys()) {
          expect(Buffer.concat(taken[at]!)).toEqual(Buffer.concat(expected[at]!));
          expect(clients[at]!.sizeBytes).toBe(0);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("what was received goes on as it was, in one piece as long as it stands there in one", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3000 }),
      fc.array(fc.tuple(fc.constantFrom("next", "skip", "other", "copy"), fc.boolean())),
      (sizeBytes, steps) => {
        const gatherer = new Gatherer();
        const runs = new OutputRuns(new RunPool(), gatherer);
        const expected: Buffer[] = [];
        let chunk = filled(64 * 1024, 1);
        let at = 0;
        for (const [kind, isTaken] of steps) {
          if (kind === "copy") {
            expected.push(Buffer.alloc(sizeBytes, 7));
            writeTo(runs, Buffer.alloc(sizeBytes, 7));
            continue;
          }
          at += kind === "skip" ? sizeBytes : 0;
          if (kind === "other" || at + sizeBytes > chunk.length) {
            gatherer.settlePassed();
            chunk.fill(0xee);
            chunk = filled(64 * 1024, expected.length);
            at = 0;
          }
          runs.passOn(chunk, at, at + sizeBytes);
          expected.push(Buffer.from(chunk.subarray(at, at + sizeBytes)));
          at += sizeBytes;
          expect(runs.sizeBytes).toBe(Buffer.concat(expected).length);
          if (!isTaken) continue;
          expect(Buffer.concat(runs.take())).toEqual(Buffer.concat(expected.splice(0)));
        }
        expect(Buffer.concat(runs.take())).toEqual(Buffer.concat(expected));
        expect(runs.sizeBytes).toBe(0);
      },
    ),
    { numRuns: 200 },
  );
});

test("the part of what was read that several have is one piece for all of them, and nothing of it is read later", () => {
  const gatherer = new Gatherer();
  const outputs = [0, 0, 0].map(() => new OutputRuns(new RunPool(), gatherer));
  const [one, other, third] = outputs;
  const chunk = filled(1000, 1);
  const before = Buffer.from(chunk);
  for (let at = 0; at < 500; at += 100)
    for (const runs of outputs) runs.passOn(chunk, at, at + 100);
  third!.passOn(chunk, 500, 600);
  gatherer.settlePassed();
  chunk.fill(0);
  const taken = outputs.map((runs) => runs.take());
  expect(taken.map((chunks) => chunks.length)).toEqual([1, 1, 1]);
  expect(taken[0]![0]).toBe(taken[1]![0]);
  expect(taken[0]![0]).toEqual(before.subarray(0, 500));
  expect(taken[2]![0]).toEqual(before.subarray(0, 600));
  expect([one!.sizeBytes, other!.sizeBytes]).toEqual([0, 0]);
});

function filled(sizeBytes: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  for (let at = 0; at < sizeBytes; at++) bytes[at] = at * 31 + seed;
  return bytes;
}

/** Small ones the two ways packets are written, large ones as they come. */
function writeTo(runs: OutputRuns, bytes: Buffer): void {
  if (bytes.length > RESERVED_SIZE_BYTES_MAX) {
    runs.push(bytes);
    return;
  }
  if (bytes.length % 3 === 0) {
    runs.share(bytes);
    return;
  }
  const at = runs.reserve(bytes.length);
  bytes.copy(runs.bytes, at);
}

test("a client that does not read: QoS 0 is dropped and counted, QoS 1 waits until it reads", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const slow = await rig.connect(node, "slow");
  slow.subscribe("a", { qos: 1 });
  await rig.settle();
  const publisher = await rig.connect(node, "pub");
  slow.heldSizeBytes = 5 * 1024 * 1024;
  publisher.publish("a", "0");
  publisher.publish("a", "1", { qos: 1, messageId: 1 });
  await rig.settle();
  expect(slow.texts()).toEqual([]);
  expect(node.broker.counters.droppedSlowConsumer).toBe(1);
  slow.heldSizeBytes = 0;
  slow.handler?.drained();
  await rig.settle();
  expect(slow.texts()).toEqual(["a=1"]);
});

test("a client that takes nothing for a minute is disconnected, one that takes little is not", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const [stuck, slow] = [await rig.connect(node, "stuck"), await rig.connect(node, "slow")];
  const publisher = await rig.connect(node, "pub");
  for (const client of [stuck, slow]) {
    client.subscribe("a", { qos: 1 });
    client.heldSizeBytes = 6 * 1024 * 1024;
  }
  await rig.settle();
  publisher.publish("a", "x", { qos: 1, messageId: 1 });
  await rig.pass(30_000);
  slow.heldSizeBytes = 5 * 1024 * 1024;
  await rig.pass(31_000);
  expect([stuck.isDestroyed, slow.isDestroyed]).toEqual([true, false]);
  expect(node.broker.counters.slowConsumers).toBe(1);
});

test("more than the hard bound waiting ends a client at once, counted once", async () => {
  const rig = new BrokerRig();
  const node = rig.addNode();
  const slow = await rig.connect(node, "slow");
  slow.heldSizeBytes = 17 * 1024 * 1024;
  slow.send({ cmd: "pingreq" });
  await rig.settle();
  expect(slow.take("disconnect")[0]?.reasonCode).toBe(0x97);
  expect(slow.isDestroyed).toBe(true);
  expect(node.broker.counters.slowConsumers).toBe(1);
  expect(node.broker.figures().connections).toBe(0);
});

test("an output that is passed parts again and again, with others between, is settled once", () => {
  const gatherer = new Gatherer();
  let listed = 0;
  const addPassed = gatherer.addPassed.bind(gatherer);
  gatherer.addPassed = (output) => {
    listed++;
    addPassed(output);
  };
  const outputs = [0, 0].map(() => new OutputRuns(new RunPool(), gatherer));
  const read = Buffer.from("abcdef");
  for (const expected of ["a-c-e-", "a-c-e-a-c-e-"]) {
    for (let at = 0; at < read.length; at++) {
      for (const output of outputs) {
        if (at % 2 === 0) output.passOn(read, at, at + 1);
        else output.push(Buffer.from("-"));
      }
    }
    gatherer.settlePassed();
    expect(outputs.map(({ sizeBytes }) => sizeBytes)).toEqual([expected.length, expected.length]);
  }
  for (const output of outputs)
    expect(Buffer.concat(output.take()).toString()).toBe("a-c-e-a-c-e-");
  // Twice, since what is read next is another list.
  expect(listed).toBe(4);
});
