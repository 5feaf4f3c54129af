import { once } from "node:events";
import type { MqttClient } from "mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Inbox, WireBroker } from "../support/wire-broker.ts";

const wire = new WireBroker();
beforeAll(() => wire.start());
afterAll(() => wire.stop());

function reasonOf(client: MqttClient): Promise<number | undefined> {
  return new Promise((resolve) => {
    client.once("disconnect", (packet) => resolve(packet.reasonCode));
  });
}

/** Breaks the socket without a DISCONNECT and waits until the broker saw it. */
async function drop(client: MqttClient): Promise<void> {
  const before = wire.broker.figures().connections;
  client.stream.destroy();
  await expect.poll(() => wire.broker.figures().connections).toBe(before - 1);
}

test("takeover: the first connection gets 0x8E", async () => {
  const first = await wire.client({ clientId: "same" });
  const reason = reasonOf(first);
  await wire.client({ clientId: "same" });
  expect(await reason).toBe(0x8e);
});

for (const protocolVersion of [4, 5] as const) {
  test(`a session is resumed with what it missed, MQTT ${protocolVersion}`, async () => {
    const options = {
      clientId: `resume${protocolVersion}`,
      clean: false,
      protocolVersion,
      ...(protocolVersion === 5 ? { properties: { sessionExpiryInterval: 60 } } : {}),
    };
    const topic = `missed/${protocolVersion}`;
    const first = await wire.client(options);
    await first.subscribeAsync(topic, { qos: 2 });
    await drop(first);
    const publisher = await wire.client({ protocolVersion });
    for (const qos of [0, 1, 2] as const) await publisher.publishAsync(topic, `${qos}`, { qos });
    const inbox = new Inbox();
    await wire.client(options, undefined, inbox);
    expect((await inbox.next()).text).toBe("1");
    expect((await inbox.next()).text).toBe("2");
  });
}

test("a session ends at its expiry", async () => {
  const options = { clientId: "short", properties: { sessionExpiryInterval: 1 } };
  const first = await wire.client(options);
  await drop(first);
  await expect.poll(() => wire.replica.sessions.expiredCount, { timeout: 5000 }).toBe(1);
});

test("a Will goes out when the socket breaks; a delayed one does not when the client is back", async () => {
  const watcher = await wire.client();
  const inbox = new Inbox(watcher);
  await watcher.subscribeAsync("will/#", { qos: 1 });
  const will = { topic: "will/now", payload: Buffer.from("gone"), qos: 1 as const, retain: false };
  await drop(await wire.client({ clientId: "w1", will }));
  expect(await inbox.next()).toMatchObject({ topic: "will/now", text: "gone", qos: 1 });
  const delayed = { ...will, topic: "will/later", properties: { willDelayInterval: 1 } };
  const properties = { sessionExpiryInterval: 60 };
  await drop(await wire.client({ clientId: "w2", will: delayed, properties }));
  await wire.client({ clientId: "w2", clean: false, properties });
  const doomed = await wire.client({ clientId: "w3", will: delayed, properties });
  const droppedAtMs = performance.now();
  await drop(doomed);
  expect(await inbox.next()).toMatchObject({ topic: "will/later" });
  expect(performance.now() - droppedAtMs).toBeGreaterThan(900);
  expect(inbox.rest()).toEqual([]);
});

test("keep alive: a client that says nothing is disconnected with 0x8D", async () => {
  const socket = wire.socket();
  // CONNECT, MQTT 5, clean start, keep alive 1, client identifier "silent".
  socket.write(
    Buffer.from([0x10, 19, 0, 4, 0x4d, 0x51, 0x54, 0x54, 5, 2, 0, 1, 0, 0, 6, ...text("silent")]),
  );
  const startedAtMs = performance.now();
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  expect(performance.now() - startedAtMs).toBeGreaterThan(1490);
  const bytes = Buffer.concat(chunks);
  expect(bytes[0]).toBe(0x20);
  const disconnect = bytes.subarray(2 + bytes[1]!);
  expect([disconnect[0], disconnect[2]]).toEqual([0xe0, 0x8d]);
});

test("Receive Maximum of the client bounds what is in flight to it", async () => {
  const held: (() => void)[] = [];
  const client = await wire.client({
    properties: { receiveMaximum: 3 },
    customHandleAcks: (_topic, _message, _packet, done) => held.push(() => done(0)),
  });
  const counts: number[] = [];
  client.on("packetreceive", (packet) => {
    if (packet.cmd === "publish") counts.push(held.length);
  });
  await client.subscribeAsync("window", { qos: 1 });
  const publisher = await wire.client();
  for (let at = 0; at < 10; at++) await publisher.publishAsync("window", `${at}`, { qos: 1 });
  // MQTT.js handles one message at a time; the broker must not have sent more than three ahead.
  while (counts.length < 10) {
    expect(counts.length).toBeLessThanOrEqual(13);
    held.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
});

function text(value: string): number[] {
  return [...Buffer.from(value)];
}
