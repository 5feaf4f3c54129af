import mqtt, { type MqttClient } from "mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ClusterStatus } from "#cluster";
import { LocalCluster } from "../../scripts/support/local-cluster.ts";
import { runProgram } from "../../src/cli/program.ts";

/** The consistency surface on three real processes: HTTP and MQTT on two nodes at once, and what an operator asks for. */
let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start({ nodes: 3 });
  await cluster.whenInSync(30_000);
}, 60_000);

afterAll(() => cluster.stop(), 30_000);

const urlOf = (index: number): string => `http://127.0.0.1:${cluster.nodeAt(index).ready?.http}`;

function put(index: number, path: string, body: string, headers: Record<string, string>) {
  const type = { "content-type": "application/json" };
  return fetch(urlOf(index) + path, { method: "PUT", body, headers: { ...type, ...headers } });
}

async function client(index: number): Promise<MqttClient> {
  const port = cluster.nodeAt(index).ready?.mqtt ?? 0;
  return mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5, reconnectPeriod: 0 });
}

async function command(...argv: string[]): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  const terminal = {
    environment: {},
    out: (text: string) => lines.push(...text.split("\n")),
    err: (text: string) => lines.push(text),
    monotonicMs: () => performance.now(),
    sleep: () => Promise.resolve(),
  };
  const code = await runProgram([...argv, "--url", urlOf(1)], {}, terminal);
  return { code, lines };
}

test.each(["/api/v1/retained/race/by/http", "/api/v1/devices/r1/attributes/mode"])(
  "two writers race on two nodes for %s: exactly one wins each round, and both see its value",
  async (path) => {
    let tag: string | null = null;
    for (let round = 0; round < 8; round++) {
      const condition: Record<string, string> =
        tag === null ? { "if-none-match": "*" } : { "if-match": tag };
      const answers = await Promise.all(
        [0, 1].map((at) => put(at, path, `"${round} by ${at}"`, condition)),
      );
      const codes = answers.map(({ status }) => status);
      expect([...codes].sort()).toEqual([200, 412]);
      const reads = await Promise.all(
        [0, 1, 2].map((at) => fetch(`${urlOf(at)}${path}?consistency=linearizable`)),
      );
      const winner = answers[codes.indexOf(200)];
      tag = winner?.headers.get("etag") ?? "none";
      expect(reads.map((read) => read.headers.get("etag"))).toEqual([tag, tag, tag]);
      const texts = await Promise.all(reads.map((read) => read.text()));
      for (const text of texts) expect(text).toContain(`${round} by ${codes.indexOf(200)}`);
    }
  },
);

test("two MQTT clients race on two nodes: one is acknowledged, the other refused with 0x83", async () => {
  const clients = await Promise.all([client(0), client(2)]);
  for (let round = 0; round < 8; round++) {
    const codes = await Promise.all(
      clients.map((each, at) =>
        each
          .publishAsync(`race/mqtt/${round}`, `by ${at}`, {
            qos: 1,
            retain: true,
            properties: { userProperties: { "expected-version": "0" } },
          })
          .then(
            () => 0,
            (error: { code?: number }) => error.code,
          ),
      ),
    );
    expect([...codes].sort()).toEqual([0, 0x83]);
    const url = `${urlOf(1)}/api/v1/retained/race/mqtt/${round}?consistency=linearizable`;
    expect(await (await fetch(url)).text()).toBe(`by ${codes.indexOf(0)}`);
  }
  await Promise.all(clients.map((each) => each.endAsync()));
});

test("an operator verifies the replicas, cuts the logs, hands over and asks what is safe to stop", async () => {
  const status = await command("status", "--verify", "--json");
  expect(status.code).toBe(0);
  const { verified, leader, nodes } = JSON.parse(status.lines[0] ?? "") as ClusterStatus;
  expect(verified?.replicas).toBe(3);
  const names = nodes.map(({ name }) => name);
  const next = names.find((name) => name !== leader) ?? "";
  const transfer = await command("transfer", next);
  expect(transfer).toEqual({ code: 0, lines: [`${next} leads now`] });
  const snapshot = await command("snapshot");
  expect(snapshot.lines).toEqual(names.map((name) => expect.stringContaining(`${name}: the log`)));
  expect((await command("safe-to-stop", next)).code).toBe(0);
  const other = names.find((name) => name !== next && name !== names[1]) ?? "";
  const at = names.indexOf(other);
  cluster.nodeAt(at).signal("SIGKILL");
  await cluster.nodeAt(at).exited;
  expect((await command("safe-to-stop", next)).code).toBe(1);
  await cluster.restart(at).whenReady(30_000);
  await cluster.whenInSync(30_000);
  expect((await command("status", "--verify")).code).toBe(0);
}, 60_000);
