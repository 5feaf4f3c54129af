import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SubscriptionState } from "../../../src/api/client-ports.ts";
import { ApiServer } from "../../../src/api/server.ts";
import { localClient } from "../../support/fake-clients.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeNodePort } from "../../support/fake-node-port.ts";
import { silentLog } from "../../support/silent-log.ts";

let node: FakeNodePort;
let server: ApiServer;

beforeEach(() => {
  node = new FakeNodePort();
  server = new ApiServer({ node, clock: new FakeClock(), log: silentLog, isOpen: false });
});

afterEach(() => server.close());

const call = (method: "GET" | "DELETE", url: string) =>
  server.app.inject({ method, url, headers: { host: "localhost:8080" } });
const get = (url: string) => call("GET", url);

interface SubscriptionPage {
  readonly count: number;
  readonly next: string | null;
  readonly subscriptions: readonly { readonly clientId: string; readonly filter: string }[];
}

const idsOf = (body: { clients: { clientId: string }[] }) => body.clients.map((c) => c.clientId);

function away(clientId: string, filters: readonly string[] = []): void {
  node.clients.storedClients.set(clientId, {
    ...{ isConnected: false, expirySeconds: 3600, disconnectedAtMs: 5, queued: 3 },
    queuedSizeBytes: 70,
    subscriptions: new Map(filters.map((filter) => [filter, subscription(filter)])),
  });
}

function subscription(filter: string): SubscriptionState {
  return {
    ...{ filter, noLocal: false, retainAsPublished: false, identifier: 0 },
    qos: 1,
    retainHandling: 0,
  };
}

describe("clients", () => {
  test("of all nodes and those that are away are listed in pages, each once", async () => {
    node.clients.connect("a", "n1");
    node.clients.connect("c", "n2");
    node.clients.local.set("provisional", localClient("provisional"));
    away("b");
    away("a");
    node.peers.nodes.set("n2", (_kind, ids) =>
      (ids as string[]).map((id) => localClient(id, { username: "u", queued: 4 })),
    );
    const first = (await get("/api/v1/clients?limit=3")).json();
    expect(idsOf(first)).toEqual(["a", "b", "c"]);
    expect(first).toMatchObject({ next: "c", count: 4, unanswered: [] });
    expect(first.clients[0]).toMatchObject({ node: "n1", connected: true, stored: true });
    expect(first.clients[1]).toMatchObject({ node: null, connected: false, queued: 3 });
    expect(first.clients[2]).toMatchObject({ node: "n2", username: "u", queued: 4 });
    const second = (await get("/api/v1/clients?limit=3&after=c")).json();
    expect(idsOf(second)).toEqual(["provisional"]);
    expect(second.next).toBeNull();
  });

  test("of a node that does not answer are told as far as the log knows them", async () => {
    node.clients.connect("c", "n2");
    node.peers.nodes.set("n2", null);
    const body = (await get("/api/v1/clients")).json();
    expect(body.unanswered).toEqual(["n2"]);
    expect(body.clients).toMatchObject([{ clientId: "c", node: "n2", remoteAddress: null }]);
  });

  test("are found by part of their identifier and by their node", async () => {
    for (const [id, at] of [
      ["robot-1", "n1"],
      ["robot-2", "n2"],
      ["phone", "n1"],
    ] as const) {
      node.clients.connect(id, at);
    }
    node.peers.nodes.set("n2", () => []);
    expect(idsOf((await get("/api/v1/clients?search=bot")).json())).toEqual(["robot-1", "robot-2"]);
    expect(idsOf((await get("/api/v1/clients?search=bot&node=n1")).json())).toEqual(["robot-1"]);
    expect((await get("/api/v1/clients?node=n9")).json().code).toBe("unknown-node");
  });

  test("have a detail from their own node, with what happened to them on all", async () => {
    expect((await get("/api/v1/clients/nobody")).json().code).toBe("unknown-client");
    node.clients.claimed.set("c", {
      ...{ nodeId: "n2", expirySeconds: 0 },
      will: { topic: "gone", qos: 1, retain: false, delaySeconds: 5 },
    });
    node.clients.events.set("c", [{ timeMs: 9, event: "taken-over", detail: "0x8e" }]);
    node.peers.nodes.set("n2", () => ({
      client: localClient("c", { inflight: 2, subscriptions: 1 }),
      events: [{ timeMs: 10, event: "connected", detail: "from 10.0.0.1" }],
      subscriptions: [subscription("a/#")],
    }));
    expect((await get("/api/v1/clients/c")).json()).toMatchObject({
      ...{ clientId: "c", node: "n2", inflight: 2, unanswered: [] },
      subscriptionsList: [{ filter: "a/#", qos: 1 }],
      will: { topic: "gone", delaySeconds: 5 },
      events: [
        { event: "taken-over", node: "n1" },
        { event: "connected", node: "n2" },
      ],
    });
  });

  test("are kicked here and on other nodes, with a reason", async () => {
    node.clients.connect("a", "n1");
    node.clients.connect("c", "n2");
    const asked: unknown[] = [];
    node.peers.nodes.set("n2", (kind, question) => {
      asked.push([kind, question]);
      return true;
    });
    const here = await call("DELETE", "/api/v1/clients/a?reason=too%20loud");
    expect(here.json()).toEqual({ clientId: "a", node: "n1", kicked: true });
    expect(node.clients.kicked).toEqual([["a", "too loud"]]);
    const there = await call("DELETE", "/api/v1/clients/c");
    expect(there.json()).toEqual({ clientId: "c", node: "n2", kicked: true });
    expect(asked).toEqual([["kick", ["c", "ended by an operator"]]]);
    node.peers.nodes.set("n2", null);
    expect((await call("DELETE", "/api/v1/clients/c")).json().code).toBe("unreachable");
    expect((await call("DELETE", "/api/v1/clients/nobody")).statusCode).toBe(404);
  });

  test("of this node are told to others that ask", async () => {
    node.clients.connect("a", "n1");
    await server.app.ready();
    const ask = (kind: string, question: unknown) => node.peers.handlers.get(kind)?.(question);
    expect(await ask("clients", ["a", "b", 7])).toMatchObject([{ clientId: "a" }]);
    expect(await ask("clients", "nonsense")).toEqual([]);
    expect(await ask("client", "a")).toMatchObject({ client: { clientId: "a" } });
    expect(await ask("kick", ["a", "why"])).toBe(true);
  });
});

describe("subscriptions", () => {
  test("of all nodes and of clients that are away are merged in order, page by page", async () => {
    node.clients.connect("a", "n1");
    node.clients.filters.set("a", [subscription("x"), subscription("a/+")]);
    away("b", ["$share/g/x"]);
    node.peers.nodes.set("n2", (_kind, question) => {
      const { after } = question as { after: string };
      const entry = { clientId: "aa", node: "n2", ...subscription("x") };
      const entries = "aa\u0000x" > after ? [{ key: "aa\u0000x", value: entry }] : [];
      return { entries, hasMore: false, count: 1 };
    });
    const told: string[] = [];
    let next: string | null = "";
    while (next !== null) {
      const url: string = `/api/v1/subscriptions?limit=1&after=${next}`;
      const body = (await get(url)).json<SubscriptionPage>();
      expect(body.count).toBe(4);
      for (const { clientId, filter } of body.subscriptions) told.push(`${clientId} ${filter}`);
      next = body.next;
    }
    expect(told).toEqual(["a a/+", "a x", "aa x", "b $share/g/x"]);
  });

  test("are found by filter, by client, and by a topic that they would get", async () => {
    node.clients.connect("a", "n1");
    node.clients.filters.set("a", [subscription("x/+"), subscription("y")]);
    away("b", ["$share/g/x/#"]);
    const found = async (query: string) =>
      (await get(`/api/v1/subscriptions?${query}`))
        .json()
        .subscriptions.map(
          ({ clientId, filter }: Record<string, string>) => `${clientId} ${filter}`,
        );
    expect(await found("topic=x/1")).toEqual(["a x/+", "b $share/g/x/#"]);
    expect(await found("filter=y")).toEqual(["a y"]);
    expect(await found("clientId=b")).toEqual(["b $share/g/x/#"]);
    expect((await get("/api/v1/subscriptions?topic=%23")).json().code).toBe("topic-invalid");
    expect((await get("/api/v1/subscriptions?after=nonsense")).json().detail).toContain("after");
  });
});
