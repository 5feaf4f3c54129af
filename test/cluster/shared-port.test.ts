import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import mqtt, { type MqttClient } from "mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LocalCluster } from "../../scripts/support/local-cluster.ts";
import { NodeProcess } from "../../scripts/support/node-process.ts";

/** Two real processes behind one port. */
let cluster: LocalCluster;
let port: number;
const clients: MqttClient[] = [];
const passers: MqttClient[] = [];
const received = new Set<string>();
const clientCount = 32;

beforeAll(async () => {
  port = await freePort();
  const args = ["--reuse-port", "--mqtt", String(port)];
  cluster = await LocalCluster.start({ nodes: 2, args });
  await cluster.whenInSync(30_000);
}, 60_000);

afterAll(async () => {
  for (const client of [...clients, ...passers]) client.end(true);
  await cluster.stop();
}, 30_000);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: free } = server.address() as AddressInfo;
  server.close();
  return free;
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function connectionsOf(name: string): Promise<number> {
  const status = await cluster.status();
  return status?.nodes.find((node) => node.name === name)?.connections ?? 0;
}

function connect(clientId: string): MqttClient {
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, { clientId, reconnectPeriod: 50 });
  client.on("error", () => undefined);
  client.on("message", (_topic, payload) => received.add(payload.toString()));
  return client;
}

async function askToDrain(method: "POST" | "DELETE"): Promise<void> {
  const url = `http://127.0.0.1:${cluster.nodeAt(0).ready?.http}/api/v1/cluster/drain`;
  const answer =
    method === "DELETE"
      ? await fetch(`${url}/n2`, { method })
      : await fetch(url, {
          method,
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ node: "n2", clientsPerSecond: 1000 }),
        });
  expect(answer.status).toBe(200);
}

/** Every client to the next one, so that most pairs of nodes are tried. */
async function sendRound(round: string): Promise<void> {
  const topicAt = (at: number): string => `to/${(at + 1) % clientCount}`;
  await Promise.all(
    clients.map((client, at) => client.publishAsync(topicAt(at), `${round}-${at}`, { qos: 1 })),
  );
  const isHere = (): boolean => clients.every((_, at) => received.has(`${round}-${at}`));
  await until(isHere, `the messages of round ${round}`);
}

test("clients of one port land on both nodes, and messages pass between them", async () => {
  for (let at = 0; at < clientCount; at++) clients.push(connect(`c${at}`));
  await until(() => clients.every(({ connected }) => connected), "all clients connected");
  await Promise.all(clients.map((client, at) => client.subscribeAsync(`to/${at}`, { qos: 1 })));
  await until(
    async () => (await connectionsOf("n1")) + (await connectionsOf("n2")) === clientCount,
    "the nodes tell of all clients",
  );
  expect(await connectionsOf("n1")).toBeGreaterThan(0);
  expect(await connectionsOf("n2")).toBeGreaterThan(0);
  await sendRound("both");
}, 40_000);

test("a node of another cluster is kept from the port", async () => {
  const shared = ["--reuse-port", "--mqtt", String(port), "--ws", "0"];
  const own = ["--http", "0", "--peer", "0", "--mdns", "off", "--data-root", "elsewhere"];
  const stranger = new NodeProcess({ cwd: cluster.cwd, args: [...shared, ...own] });
  await stranger.exited;
  expect(stranger.exitCode).toBe(1);
  expect(stranger.log.join("\n")).toContain("--reuse-port: a node of another cluster listens on");
}, 30_000);

test("a node that is drained leaves the port to the other one, until it is cancelled", async () => {
  await askToDrain("POST");
  await until(async () => (await connectionsOf("n1")) === clientCount, "all clients on one node");
  const metrics = await fetch(`http://127.0.0.1:${cluster.nodeAt(1).ready?.http}/metrics`);
  expect(await metrics.text()).toMatch(/^flockmq_connects_redirected_total 0$/m);
  await askToDrain("DELETE");
  for (let at = 0; at < clientCount / 2; at++) passers.push(connect(`passer-${at}`));
  await until(() => passers.every(({ connected }) => connected), "the new clients connected");
  await until(async () => (await connectionsOf("n2")) > 0, "some of them on the second node");
  await Promise.all(passers.map((passer) => passer.endAsync()));
}, 40_000);

test("clients of a node that is killed find the other one at the same port", async () => {
  cluster.nodeAt(1).signal("SIGKILL");
  await cluster.nodeAt(1).exited;
  await until(async () => (await connectionsOf("n1")) === clientCount, "all clients on one node");
  await until(() => clients.every(({ connected }) => connected), "all clients connected again");
  await sendRound("one");
}, 40_000);
