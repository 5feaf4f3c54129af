import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readingInto } from "../../src/listeners/read-buffer.ts";
import { copyOfRead } from "../../src/listeners/read-slab.ts";
import { WireBroker } from "../support/wire-broker.ts";

const wire = new WireBroker();
beforeAll(() => wire.start());
afterAll(() => wire.stop());

test("this Node.js lets an accepted socket read into our memory", async () => {
  const read: string[] = [];
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (accepted) => {
    const socket = readingInto(accepted, (sizeBytes, buffer) => {
      read.push(Buffer.from(buffer.subarray(0, sizeBytes)).toString());
      return true;
    });
    expect(socket).not.toBeNull();
    expect(socket?.remoteAddress).toBe("127.0.0.1");
    socket?.on("end", () => socket.end("goodbye"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  client.end("hello");
  const [answer] = (await once(client, "data")) as [Buffer];
  expect(answer.toString()).toBe("goodbye");
  expect(read.join("")).toBe("hello");
  client.destroy();
  server.close();
});

test("a socket whose inside is not as expected stays as it is", () => {
  const strange = { _handle: {} } as unknown as Socket;
  expect(readingInto(strange, () => true)).toBeNull();
  expect(strange).toEqual({ _handle: {} });
  expect(readingInto({} as Socket, () => true)).toBeNull();
});

test("what several clients send at once in many reads stays apart", async () => {
  const reader = await wire.client();
  const sizesBytes = [10, 4_000, 5_000, 40_000, 300_000];
  const got: string[] = [];
  reader.on("message", (topic, payload) => {
    // Payloads are of one letter, the sender's, and as long as the topic says.
    const [, letter = "", sizeBytes] = topic.split("/");
    const isWhole =
      payload.length === Number(sizeBytes) &&
      payload.every((byte) => byte === letter.charCodeAt(0));
    got.push(`${topic} ${isWhole ? "whole" : "damaged"}`);
  });
  await reader.subscribeAsync("large/#", { qos: 1 });
  const letters = ["a", "b", "c", "d"];
  const writers = await Promise.all(letters.map(() => wire.client()));
  await Promise.all(
    writers.flatMap((writer, at) =>
      sizesBytes.map((sizeBytes) => {
        const letter = letters[at]!;
        return writer.publishAsync(`large/${letter}/${sizeBytes}`, letter.repeat(sizeBytes), {
          qos: 1,
        });
      }),
    ),
  );
  const expected = letters.flatMap((letter) =>
    sizesBytes.map((sizeBytes) => `large/${letter}/${sizeBytes} whole`),
  );
  await expect.poll(() => got.length).toBe(expected.length);
  expect(got.toSorted()).toEqual(expected.toSorted());
});

test("what waits of small messages keeps little more memory than it has", () => {
  const bytes = Buffer.alloc(1100);
  const kept: Buffer[] = [];
  for (let read = 0; read < 20_000; read++) {
    const copy = copyOfRead(bytes, 0, 1 + (read % 1100));
    if (read % 50 === 0) kept.push(copy);
  }
  const memory = new Set(kept.map((copy) => copy.buffer));
  const sizeBytes = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(sizeBytes).toBeLessThanOrEqual(kept.length * 8 * 1024);
});

test("what was read is copied whole", () => {
  const bytes = Buffer.from(Array.from({ length: 5_000 }, (_, at) => at % 251));
  const copies = [1, 7, 1024, 1025, 5_000, 1024].map((sizeBytes) =>
    copyOfRead(bytes, 0, sizeBytes),
  );
  bytes.fill(0);
  for (const copy of copies) {
    expect(copy.every((byte, at) => byte === at % 251)).toBe(true);
  }
  expect(copies.map(({ length }) => length)).toEqual([1, 7, 1024, 1025, 5_000, 1024]);
});

test("a client at full speed is read a piece at a time", async () => {
  const { counters } = wire.broker;
  const restedBefore = counters.readsRested;
  const reader = await wire.client();
  let received = 0;
  reader.on("message", () => received++);
  await reader.subscribeAsync("flood", { qos: 1 });
  const writer = await wire.client();
  const payload = Buffer.alloc(1000);
  const count = 8_000;
  const published = Array.from({ length: count }, () =>
    writer.publishAsync("flood", payload, { qos: 1 }),
  );
  await Promise.all(published);
  await expect.poll(() => received).toBe(count);
  // 8 MB in reads of at most 32 KiB, most of them full.
  expect(counters.readsRested - restedBefore).toBeGreaterThan(20);
});
