import mqtt, { type MqttClient } from "mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LocalCluster } from "../../scripts/support/local-cluster.ts";

/** Three real processes; the first two are killed while clients are connected to them. */
let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start({ nodes: 3 });
  await cluster.whenInSync(30_000);
}, 60_000);

afterAll(() => cluster.stop(), 30_000);

interface Inbox {
  readonly client: MqttClient;
  readonly received: string[];
}

/** The handler is there before CONNACK, because what waited comes right behind it. */
async function connect(index: number, options: mqtt.IClientOptions): Promise<Inbox> {
  const client = mqtt.connect(`mqtt://127.0.0.1:${cluster.nodeAt(index).ready?.mqtt}`, {
    ...{ protocolVersion: 5, reconnectPeriod: 0 },
    ...options,
  });
  const received: string[] = [];
  client.on("message", (topic, payload) => received.push(`${topic}=${payload}`));
  // A killed node resets the connection, which is what these tests are about.
  client.on("error", () => undefined);
  await new Promise<void>((resolve, reject) => {
    client.once("connect", () => resolve());
    client.once("error", reject);
  });
  return { client, received };
}

test("a session with all that it waits for outlives its node, and its Will comes once from another", async () => {
  const will = { topic: "will/c", payload: Buffer.from("gone"), qos: 1 as const, retain: false };
  const properties = { sessionExpiryInterval: 600 };
  const watcher = await connect(2, { clientId: "watcher" });
  await watcher.client.subscribeAsync("will/#", { qos: 1 });
  const [durable, clean] = await Promise.all([
    connect(0, { clientId: "durable", clean: false, properties, will }),
    connect(0, { clientId: "clean", will: { ...will, topic: "will/clean" } }),
  ]);
  await durable.client.subscribeAsync({ "work/+": { qos: 2 } });
  const publisher = await connect(1, { clientId: "publisher" });
  await publisher.client.publishAsync("work/1", "while connected", { qos: 2 });
  await expect.poll(() => durable.received).toEqual(["work/1=while connected"]);

  cluster.nodeAt(0).signal("SIGKILL");
  for (const qos of [1, 2] as const) {
    await publisher.client.publishAsync(`work/${qos}`, "while dead", { qos });
  }
  const back = await connect(2, { clientId: "durable", clean: false, properties });
  await expect.poll(() => back.received).toEqual(["work/1=while dead", "work/2=while dead"]);
  await publisher.client.publishAsync("work/3", "again connected", { qos: 2 });
  await expect.poll(() => back.received.at(-1)).toBe("work/3=again connected");
  // The client was back before its node counted as down: a takeover, which publishes a Will without delay at once.
  await expect
    .poll(() => watcher.received.toSorted(), { timeout: 15_000 })
    .toEqual(["will/c=gone", "will/clean=gone"]);
  await Promise.all([back.client.endAsync(), publisher.client.endAsync()]);
  for (const { client } of [durable, clean]) client.end(true);
  expect(watcher.received).toHaveLength(2);
  await watcher.client.endAsync();
}, 60_000);
