import mqtt, { type MqttClient } from "mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LocalCluster } from "../../scripts/support/local-cluster.ts";

/** What lives on the second of three real nodes, asked of the first: its clients, their subscriptions, what they retain. */
let cluster: LocalCluster;
const clients: MqttClient[] = [];

beforeAll(async () => {
  cluster = await LocalCluster.start({ nodes: 3 });
  await cluster.whenInSync(60_000);
}, 120_000);

afterAll(async () => {
  await Promise.all(clients.map((client) => client.endAsync(true)));
  await cluster.stop();
}, 30_000);

interface Answer<Body> {
  readonly status: number;
  readonly body: Body;
}

async function ask<Body>(node: number, path: string, method = "GET"): Promise<Answer<Body>> {
  const url = `http://127.0.0.1:${cluster.nodeAt(node).ready?.http}${path}`;
  const answer = await fetch(url, { method });
  const text = await answer.text();
  return { status: answer.status, body: (text === "" ? null : JSON.parse(text)) as Body };
}

async function connect(node: number, clientId: string, more: object = {}): Promise<MqttClient> {
  const port = cluster.nodeAt(node).ready?.mqtt;
  const options = { clientId, protocolVersion: 5, reconnectPeriod: 0, ...more } as const;
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, options);
  clients.push(client);
  return client;
}

interface ClientLine {
  readonly clientId: string;
  readonly node: string | null;
  readonly connected: boolean;
  readonly stored?: boolean;
  readonly subscriptionsList?: readonly { readonly filter: string; readonly qos: number }[];
  readonly events?: readonly { readonly event: string; readonly node?: string }[];
}

test("clients of every node are listed, searched and told in detail by any node, page by page", async () => {
  await connect(0, "here-1");
  const there = await connect(1, "there-1");
  await connect(2, "there-2");
  await there.subscribeAsync("plant/+/mode", { qos: 1 });
  const { body } = await ask<{ clients: ClientLine[]; count: number }>(0, "/api/v1/clients");
  const nodes = body.clients.map(({ clientId, node }) => `${clientId} ${node}`);
  expect(nodes).toEqual(["here-1 n1", "there-1 n2", "there-2 n3"]);
  expect(body.count).toBe(3);
  const found = await ask<{ clients: ClientLine[] }>(0, "/api/v1/clients?search=there&node=n3");
  expect(found.body.clients.map(({ clientId }) => clientId)).toEqual(["there-2"]);
  interface Page {
    readonly clients: readonly ClientLine[];
    readonly next: string | null;
  }
  const ids: string[] = [];
  let after: string | null = "";
  while (after !== null) {
    const path: string = `/api/v1/clients?limit=2${after === "" ? "" : `&after=${after}`}`;
    const { body: page }: Answer<Page> = await ask<Page>(2, path);
    ids.push(...page.clients.map(({ clientId }) => clientId));
    after = page.next;
  }
  expect(ids).toEqual(["here-1", "there-1", "there-2"]);
  const detail = (await ask<ClientLine>(0, "/api/v1/clients/there-1")).body;
  expect(detail).toMatchObject({ node: "n2", connected: true });
  expect(detail.subscriptionsList).toMatchObject([{ filter: "plant/+/mode", qos: 1 }]);
  expect(detail.events?.map(({ event }) => event)).toContain("connected");
});

test("subscriptions that live on another node are found by filter and by client", async () => {
  interface Subscriptions {
    readonly subscriptions: readonly { clientId: string; filter: string; node?: string }[];
  }
  for (const query of ["filter=plant/%2B/mode", "clientId=there-1"]) {
    const { body } = await ask<Subscriptions>(0, `/api/v1/subscriptions?${query}`);
    expect(body.subscriptions).toMatchObject([{ clientId: "there-1", filter: "plant/+/mode" }]);
  }
  expect((await ask<Subscriptions>(0, "/api/v1/subscriptions?clientId=here-1")).body).toMatchObject(
    {
      subscriptions: [],
    },
  );
});

test("what a client of one node retains, another lists, reads and clears for all", async () => {
  const publisher = await connect(1, "retainer");
  await publisher.publishAsync("plant/a/mode", "auto", { qos: 1, retain: true });
  await publisher.publishAsync("other", "x", { qos: 1, retain: true });
  interface Retained {
    readonly messages: readonly { topic: string; text?: string; publisherId: string }[];
    readonly count: number;
  }
  const linearizable = "consistency=linearizable";
  const read = await ask(0, `/api/v1/retained/other?${linearizable}`, "HEAD");
  expect(read.status).toBe(200);
  const { body } = await ask<Retained>(0, "/api/v1/retained?filter=plant/%23");
  expect(body).toMatchObject({
    messages: [{ topic: "plant/a/mode", text: "auto", publisherId: "retainer" }],
    count: 1,
  });
  expect((await ask(0, "/api/v1/retained/plant/a/mode", "DELETE")).status).toBe(204);
  const gone = await ask(2, `/api/v1/retained/plant/a/mode?${linearizable}`);
  expect(gone.status).toBe(404);
});

test("a client of another node is kicked: it is told why, and its stored session stays", async () => {
  const stored = await connect(2, "stored", {
    clean: false,
    properties: { sessionExpiryInterval: 600 },
  });
  await stored.subscribeAsync("jobs/#", { qos: 1 });
  const told = new Promise<{ reasonCode?: number }>((resolve) =>
    stored.once("disconnect", resolve),
  );
  const closed = new Promise<void>((resolve) => stored.once("close", () => resolve()));
  const kick = await ask(0, "/api/v1/clients/stored", "DELETE");
  expect(kick).toMatchObject({
    status: 200,
    body: { clientId: "stored", node: "n3", kicked: true },
  });
  expect((await told).reasonCode).toBe(0x98);
  await closed;
  await expect
    .poll(async () => (await ask<ClientLine>(1, "/api/v1/clients/stored")).body, {
      timeout: 30_000,
    })
    .toMatchObject({ connected: false, stored: true });
  expect((await ask(0, "/api/v1/clients/nobody", "DELETE")).status).toBe(404);
});
