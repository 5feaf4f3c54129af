import mqtt, { type MqttClient } from "mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LocalCluster } from "../../scripts/support/local-cluster.ts";
import { runProgram } from "../../src/cli/program.ts";

/** Three real processes; the leader is drained while clients of both versions get messages there, and is started again. */
let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start({ nodes: 3 });
  await cluster.whenInSync(30_000);
}, 60_000);

afterAll(() => cluster.stop(), 30_000);

function urlOf(index: number, face: "http" | "mqtt"): string {
  return `${face}://127.0.0.1:${cluster.nodeAt(index).ready?.[face]}`;
}

async function runCluster(...argv: string[]): Promise<{ exitCode: number; lines: string[] }> {
  const lines: string[] = [];
  const exitCode = await runProgram(
    argv,
    {},
    {
      environment: {},
      out: (text) => lines.push(...text.split("\n")),
      err: (text) => lines.push(text),
      monotonicMs: () => performance.now(),
      sleep: (durationMs) => new Promise((resolve) => setTimeout(resolve, durationMs)),
    },
  );
  return { exitCode, lines };
}

/** A client with a stored session that goes where it is told, or, when it is told nothing, to `elsewhere`. */
class Mover {
  readonly received = new Set<string>();
  readonly reasonCodes: (number | undefined)[] = [];
  readonly #clientId: string;
  readonly #version: 4 | 5;
  readonly #elsewhere: string;
  #client: MqttClient | null = null;
  #reference: string | undefined;
  isPresent: boolean[] = [];

  constructor(clientId: string, version: 4 | 5, elsewhere: string) {
    this.#clientId = clientId;
    this.#version = version;
    this.#elsewhere = elsewhere;
  }

  async connect(url: string): Promise<void> {
    const properties = this.#version === 5 ? { sessionExpiryInterval: 600 } : undefined;
    const client = mqtt.connect(url, {
      ...{ clientId: this.#clientId, clean: false, protocolVersion: this.#version },
      ...{ reconnectPeriod: 0, ...(properties === undefined ? {} : { properties }) },
    });
    this.#client = client;
    client.on("message", (_topic, payload) => this.received.add(payload.toString()));
    client.on("error", () => undefined);
    client.on("disconnect", ({ reasonCode, properties: told }) => {
      this.reasonCodes.push(reasonCode);
      this.#reference = told?.serverReference;
    });
    await new Promise<void>((resolve) => {
      client.once("connect", ({ sessionPresent }) => {
        this.isPresent.push(sessionPresent);
        resolve();
      });
    });
    client.once("close", () => {
      if (this.#client !== client) return;
      const [server] = this.#reference?.split(" ") ?? [];
      void this.connect(server === undefined ? this.#elsewhere : `mqtt://${server}`);
    });
  }

  async subscribe(): Promise<void> {
    await this.#client?.subscribeAsync("work/#", { qos: 1 });
  }

  async end(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.endAsync();
  }
}

test("a leader that is drained under load loses nothing, and is a node like any other when it is back", async () => {
  const status = await cluster.status();
  const at = cluster.nodes.findIndex((_, index) => `n${index + 1}` === status?.leader);
  const [other, third] = [0, 1, 2].filter((index) => index !== at) as [number, number];
  const name = `n${at + 1}`;
  const movers = [5, 4, 5, 4].map(
    (version, index) => new Mover(`mover-${index}`, version as 4 | 5, urlOf(third, "mqtt")),
  );
  for (const mover of movers) {
    await mover.connect(urlOf(at, "mqtt"));
    await mover.subscribe();
  }
  const publisher = await mqtt.connectAsync(urlOf(other, "mqtt"), { protocolVersion: 5 });
  const acknowledged: string[] = [];
  let isPublishing = true;
  const publishing = (async () => {
    for (let count = 0; isPublishing; count++) {
      await publisher.publishAsync("work/1", String(count), { qos: 1 });
      acknowledged.push(String(count));
    }
  })();
  await expect.poll(() => acknowledged.length, { timeout: 10_000 }).toBeGreaterThan(20);

  const url = urlOf(other, "http");
  const { exitCode, lines } = await runCluster("drain", name, "--rate", "10", "--url", url);
  expect({ exitCode, lines }).toEqual({
    exitCode: 0,
    lines: [
      `${name}: 4 clients to move, 10 a second`,
      `${name} is drained, 4 clients moved`,
      `${name} is safe to stop`,
    ],
  });
  expect((await cluster.status())?.leader).not.toBe(name);
  const ready = await fetch(`${urlOf(at, "http")}/readyz?verbose`);
  expect([ready.status, await ready.text()]).toEqual([
    503,
    expect.stringContaining("[-]undrained failed"),
  ]);
  isPublishing = false;
  await publishing;
  for (const mover of movers) {
    await expect
      .poll(() => acknowledged.filter((text) => !mover.received.has(text)), { timeout: 15_000 })
      .toEqual([]);
  }
  expect(movers.map(({ reasonCodes }) => reasonCodes)).toEqual([[0x9c], [], [0x9c], []]);
  expect(movers.map(({ isPresent }) => isPresent)).toEqual(Array(4).fill([false, true]));

  await cluster.nodeAt(at).stop();
  await cluster.restart(at).whenReady(30_000);
  await expect
    .poll(async () => (await fetch(`${urlOf(at, "http")}/readyz`)).status, { timeout: 10_000 })
    .toBe(200);
  const again = await mqtt.connectAsync(urlOf(at, "mqtt"), { protocolVersion: 5 });
  await Promise.all([again.endAsync(), publisher.endAsync(), ...movers.map((m) => m.end())]);
}, 90_000);
