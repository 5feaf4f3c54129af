import mqtt, { type MqttClient } from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalCluster } from "../../scripts/support/local-cluster.ts";

/** Three real processes, real clients. Everything here goes over sockets and disks. */
let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start({ nodes: 3 });
  await cluster.whenInSync(30_000);
}, 60_000);

afterAll(() => cluster.stop(), 30_000);

function portOf(index: number): number {
  return cluster.nodeAt(index).ready?.mqtt ?? 0;
}

async function client(index: number, options: mqtt.IClientOptions = {}): Promise<MqttClient> {
  return mqtt.connectAsync(`mqtt://127.0.0.1:${portOf(index)}`, {
    protocolVersion: 5,
    reconnectPeriod: 0,
    ...options,
  });
}

/** Resolves once `count` messages arrived. */
function collect(subscriber: MqttClient, count: number): Promise<string[]> {
  return new Promise((resolve) => {
    const received: string[] = [];
    subscriber.on("message", (topic, payload) => {
      received.push(`${topic}=${payload}`);
      if (received.length === count) resolve(received);
    });
  });
}

const pairs = [0, 1, 2].flatMap((from) => [0, 1, 2].map((to) => [from, to] as const));

describe("every pair of nodes", () => {
  test.each(pairs)("published on %i, received on %i, at QoS 0, 1 and 2", async (from, to) => {
    const [publisher, subscriber] = await Promise.all([client(from), client(to)]);
    const topic = `pair/${from}/${to}`;
    await subscriber.subscribeAsync(topic, { qos: 2 });
    const received = collect(subscriber, 3);
    for (const qos of [0, 1, 2] as const) {
      await publisher.publishAsync(topic, `qos${qos}`, { qos });
    }
    expect(await received).toEqual([0, 1, 2].map((qos) => `${topic}=qos${qos}`));
    await Promise.all([publisher.endAsync(), subscriber.endAsync()]);
  });

  test("200 retained topics written at once on each are all there for a new subscriber of each", async () => {
    const clients = await Promise.all([0, 1, 2].map((index) => client(index)));
    await Promise.all(
      clients.flatMap((writer, index) =>
        Array.from({ length: 200 }, (_, i) =>
          writer.publishAsync(`ret/${index}/${i}`, String(i), { qos: 1, retain: true }),
        ),
      ),
    );
    for (const index of [0, 1, 2]) {
      const reader = await client(index);
      const received = collect(reader, 600);
      await reader.subscribeAsync("ret/#", { qos: 1 });
      expect(new Set(await received).size).toBe(600);
      await reader.endAsync();
    }
    const [writer] = clients as [MqttClient];
    await Promise.all(
      pairs
        .slice(0, 3)
        .map(([, index]) => writer.publishAsync(`ret/${index}/0`, "", { qos: 1, retain: true })),
    );
    const reader = await client(2);
    const received = collect(reader, 597);
    await reader.subscribeAsync("ret/#", { qos: 1 });
    expect((await received).some((text) => /ret\/\d\/0=/.test(text))).toBe(false);
    await Promise.all([...clients, reader].map((each) => each.endAsync()));
  });

  test("a SUBACK on one means that a publish on another arrives, 200 times", async () => {
    const [publisher, subscriber] = await Promise.all([client(0), client(1)]);
    for (let i = 0; i < 200; i++) {
      const topic = `barrier/${i}`;
      const received = collect(subscriber, 1);
      await subscriber.subscribeAsync(topic, { qos: 0 });
      publisher.publish(topic, "x", { qos: 0 });
      expect(await received).toEqual([`${topic}=x`]);
      subscriber.removeAllListeners("message");
    }
    await Promise.all([publisher.endAsync(), subscriber.endAsync()]);
  });
});

describe("one client identifier", () => {
  test("taken over on another node: the older connection ends with 0x8E", async () => {
    const first = await client(0, { clientId: "only-one" });
    const reason = new Promise<number | undefined>((resolve) => {
      first.on("disconnect", (packet) => resolve(packet.reasonCode));
    });
    const second = await client(2, { clientId: "only-one" });
    expect(await reason).toBe(0x8e);
    await Promise.all([first.endAsync(true), second.endAsync()]);
  });

  test("takes its session along: what was queued on the old node arrives on the new one", async () => {
    const options = { clientId: "mover", clean: false, properties: { sessionExpiryInterval: 300 } };
    const before = await client(0, options);
    await before.subscribeAsync("move/#", { qos: 1 });
    await before.endAsync();
    const publisher = await client(1);
    for (let i = 0; i < 5; i++) await publisher.publishAsync(`move/${i}`, String(i), { qos: 1 });
    const after = mqtt.connect(`mqtt://127.0.0.1:${portOf(2)}`, {
      protocolVersion: 5,
      reconnectPeriod: 0,
      ...options,
    });
    const received = collect(after, 5);
    const present = new Promise((resolve) =>
      after.on("connect", (ack) => resolve(ack.sessionPresent)),
    );
    expect(await present).toBe(true);
    expect(await received).toEqual([0, 1, 2, 3, 4].map((i) => `move/${i}=${i}`));
    await Promise.all([after.endAsync(), publisher.endAsync()]);
  });
});

test("a shared subscription with members on three nodes gets each message once", async () => {
  const members = await Promise.all([0, 1, 2].map((index) => client(index)));
  const counts = members.map(() => 0);
  const total = 60;
  const all = new Promise<void>((resolve) => {
    members.forEach((member, i) => {
      member.on("message", () => {
        counts[i] = (counts[i] ?? 0) + 1;
        if (counts.reduce((sum, count) => sum + count, 0) === total) resolve();
      });
    });
  });
  await Promise.all(members.map((member) => member.subscribeAsync("$share/g/jobs/#", { qos: 1 })));
  const publisher = await client(1);
  for (let i = 0; i < total; i++) await publisher.publishAsync(`jobs/${i}`, "x", { qos: 1 });
  await all;
  expect(Math.min(...counts)).toBeGreaterThan(10);
  await Promise.all([...members, publisher].map((each) => each.endAsync()));
});

describe("a node that dies", () => {
  test("takes nothing acknowledged with it, and comes back in sync", async () => {
    const writer = await client(1);
    for (let i = 0; i < 50; i++) {
      await writer.publishAsync(`kill/${i}`, String(i), { qos: 1, retain: true });
    }
    cluster.nodeAt(0).signal("SIGKILL");
    await cluster.nodeAt(0).exited;
    await writer.publishAsync("kill/50", "50", { qos: 1, retain: true });
    cluster.restart(0);
    await cluster.nodeAt(0).whenReady(30_000);
    await cluster.whenInSync(30_000);
    const reader = await client(0);
    const received = collect(reader, 51);
    await reader.subscribeAsync("kill/#", { qos: 1 });
    expect(new Set(await received).size).toBe(51);
    await Promise.all([writer.endAsync(), reader.endAsync()]);
  }, 60_000);

  test("told to stop says 0x8B to its clients and leaves with exit code 0 within five seconds", async () => {
    const guest = await client(2);
    const reason = new Promise<number | undefined>((resolve) => {
      guest.on("disconnect", (packet) => resolve(packet.reasonCode));
    });
    const node = cluster.nodeAt(2);
    const startedMs = performance.now();
    node.signal("SIGTERM");
    expect(await reason).toBe(0x8b);
    await node.exited;
    expect(node.exitCode).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(5000);
    await guest.endAsync(true);
    await cluster.restart(2).whenReady(30_000);
    await cluster.whenInSync(30_000);
  }, 60_000);
});

test("a command by HTTP on one node reaches the robot on another, and its state is on the third", async () => {
  const robot = await client(0);
  const command = collect(robot, 1);
  await robot.subscribeAsync("orin/r7/command", { qos: 1 });
  const url = (index: number, path: string): string =>
    `http://127.0.0.1:${cluster.nodeAt(index).ready?.http}${path}`;
  const answer = await fetch(url(1, "/api/commands/r7"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ command: "slam" }),
  });
  expect(answer.ok).toBe(true);
  expect(await command).toEqual(["orin/r7/command=slam"]);
  const position = JSON.stringify({ x: 1.5, y: 2.5, timestamp: 1691234567 });
  await robot.publishAsync("sensors/r7/coordinates", position, { qos: 1 });
  await robot.publishAsync("sensors/r7/motorRPM", "1200", { qos: 1 });
  await cluster.whenInSync(10_000);
  const coordinates = (await (await fetch(url(2, "/api/coordinates"))).json()) as unknown[];
  expect(coordinates).toContainEqual(expect.objectContaining({ deviceId: "r7", x: 1.5, y: 2.5 }));
  const device = (await (await fetch(url(2, "/api/v1/devices/r7"))).json()) as {
    attributes: Record<string, { value: unknown }>;
  };
  expect(device.attributes["motorRPM"]?.value).toBe(1200);
  await robot.endAsync();
});
