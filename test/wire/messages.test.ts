import { afterAll, beforeAll, expect, test } from "vitest";
import { Inbox, WireBroker } from "../support/wire-broker.ts";

const wire = new WireBroker();
beforeAll(() => wire.start());
afterAll(() => wire.stop());

for (const protocolVersion of [4, 5] as const) {
  test(`QoS 0, 1 and 2 both ways, MQTT ${protocolVersion}`, async () => {
    const topic = `qos/${protocolVersion}`;
    const subscriber = await wire.client({ protocolVersion });
    const inbox = new Inbox(subscriber);
    await subscriber.subscribeAsync(topic, { qos: 2 });
    const publisher = await wire.client({ protocolVersion });
    for (const qos of [0, 1, 2] as const) {
      await publisher.publishAsync(topic, `at ${qos}`, { qos });
      expect(await inbox.next()).toMatchObject({ text: `at ${qos}`, qos, retain: false });
    }
    expect(inbox.rest()).toEqual([]);
  });

  test(`a subscription lowers the quality of service, MQTT ${protocolVersion}`, async () => {
    const client = await wire.client({ protocolVersion });
    const inbox = new Inbox(client);
    await client.subscribeAsync(`low/${protocolVersion}`, { qos: 0 });
    await client.publishAsync(`low/${protocolVersion}`, "x", { qos: 2 });
    expect((await inbox.next()).qos).toBe(0);
  });

  test(`retained messages: kept, replaced, cleared, matched by wildcards, MQTT ${protocolVersion}`, async () => {
    const root = `kept/${protocolVersion}`;
    const publisher = await wire.client({ protocolVersion });
    await publisher.publishAsync(`${root}/a`, "old", { qos: 1, retain: true });
    await publisher.publishAsync(`${root}/a`, "new", { qos: 1, retain: true });
    await publisher.publishAsync(`${root}/b`, "gone", { qos: 1, retain: true });
    await publisher.publishAsync(`${root}/b`, "", { qos: 1, retain: true });
    await publisher.publishAsync(`${root}/c/d`, "deep", { qos: 2, retain: true });
    const subscriber = await wire.client({ protocolVersion });
    const inbox = new Inbox(subscriber);
    await subscriber.subscribeAsync(`${root}/#`, { qos: 2 });
    const both = [await inbox.next(), await inbox.next()];
    expect(both.map(({ text }) => text).sort()).toEqual(["deep", "new"]);
    expect(both.every(({ retain }) => retain)).toBe(true);
    await publisher.publishAsync(`${root}/live`, "live", { retain: true, qos: 1 });
    expect(await inbox.next()).toMatchObject({ text: "live", retain: false });
  });
}

test("MQTT 5 properties travel; subscription identifiers come back; expiry counts down", async () => {
  const subscriber = await wire.client();
  const inbox = new Inbox(subscriber);
  await subscriber.subscribeAsync("props/+", {
    qos: 1,
    properties: { subscriptionIdentifier: 42 },
  });
  const publisher = await wire.client();
  await publisher.publishAsync("props/a", "x", {
    qos: 1,
    properties: {
      contentType: "text/plain",
      responseTopic: "answer",
      correlationData: Buffer.from("id"),
      userProperties: { colour: "red" },
      messageExpiryInterval: 60,
    },
  });
  expect((await inbox.next()).properties).toMatchObject({
    contentType: "text/plain",
    responseTopic: "answer",
    correlationData: Buffer.from("id"),
    userProperties: { colour: "red" },
    subscriptionIdentifier: 42,
    messageExpiryInterval: 60,
  });
});

test("topic aliases towards the server", async () => {
  const subscriber = await wire.client();
  const inbox = new Inbox(subscriber);
  await subscriber.subscribeAsync("alias/#");
  const publisher = await wire.client({ autoAssignTopicAlias: true });
  for (let at = 0; at < 3; at++) await publisher.publishAsync("alias/long/name", String(at));
  const texts = [await inbox.next(), await inbox.next(), await inbox.next()];
  expect(texts.map(({ topic, text }) => `${topic} ${text}`)).toEqual([
    "alias/long/name 0",
    "alias/long/name 1",
    "alias/long/name 2",
  ]);
});

test("No Local keeps a client's own messages from it", async () => {
  const client = await wire.client();
  const inbox = new Inbox(client);
  await client.subscribeAsync("own", { qos: 1, nl: true });
  await client.subscribeAsync("marker", { qos: 1 });
  await client.publishAsync("own", "mine", { qos: 1 });
  await client.publishAsync("marker", "end", { qos: 1 });
  expect((await inbox.next()).text).toBe("end");
});

test("a shared subscription divides, an ordinary one copies", async () => {
  const members = [await wire.client(), await wire.client()];
  const inboxes = members.map((member) => new Inbox(member));
  for (const member of members) await member.subscribeAsync("$share/g/work", { qos: 1 });
  const watcher = await wire.client();
  const all = new Inbox(watcher);
  await watcher.subscribeAsync("work", { qos: 1 });
  const publisher = await wire.client();
  for (let at = 0; at < 20; at++) await publisher.publishAsync("work", String(at), { qos: 1 });
  for (let at = 0; at < 20; at++) expect((await all.next()).text).toBe(String(at));
  const shares = inboxes.map((inbox) => inbox.all.length);
  expect(shares[0]! + shares[1]!).toBe(20);
  expect(Math.min(...shares)).toBeGreaterThan(0);
});

test("a message larger than the client accepts is not sent to it", async () => {
  const small = await wire.client({ properties: { maximumPacketSize: 100 } });
  const inbox = new Inbox(small);
  await small.subscribeAsync("size", { qos: 1 });
  const publisher = await wire.client();
  await publisher.publishAsync("size", "x".repeat(200), { qos: 1 });
  await publisher.publishAsync("size", "fits", { qos: 1 });
  expect((await inbox.next()).text).toBe("fits");
  expect(wire.broker.counters.droppedPacketTooLarge).toBe(1);
});

test("messages of many sizes arrive whole and in order", async () => {
  const subscriber = await wire.client();
  const inbox = new Inbox(subscriber);
  await subscriber.subscribeAsync("sizes", { qos: 0 });
  const publisher = await wire.client();
  const sizes = [0, 1, 127, 128, 2047, 2049, 16_383, 16_384, 70_000, 3, 500_000, 9];
  for (const size of sizes) publisher.publish("sizes", Buffer.alloc(size, 0x61));
  const received: number[] = [];
  for (const _ of sizes) received.push((await inbox.next()).text.length);
  expect(received).toEqual(sizes);
});

test("ten thousand small messages from fifty clients arrive, and in far fewer writes", async () => {
  const subscriber = await wire.client();
  const inbox = new Inbox(subscriber);
  await subscriber.subscribeAsync("burst/#", { qos: 0 });
  const publishers = await Promise.all(Array.from({ length: 50 }, () => wire.client()));
  for (const [at, publisher] of publishers.entries()) {
    for (let n = 0; n < 200; n++) publisher.publish(`burst/${at}`, String(n));
  }
  const last = new Map<string, number>();
  for (let n = 0; n < 10_000; n++) {
    const { topic, text } = await inbox.next();
    expect(Number(text)).toBe((last.get(topic) ?? -1) + 1);
    last.set(topic, Number(text));
  }
  expect(wire.broker.counters.droppedSlowConsumer).toBe(0);
});

test("nothing went wrong inside", async () => {
  const client = await wire.client();
  await client.endAsync();
  expect(wire.log.errors).toEqual([]);
  expect(wire.broker.counters.internalErrors).toBe(0);
});
