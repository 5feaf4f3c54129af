import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ClusterError } from "#cluster";
import { ApiServer } from "../../../src/api/server.ts";
import { BrokerError } from "../../../src/broker/errors.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeNodePort } from "../../support/fake-node-port.ts";
import { silentLog } from "../../support/silent-log.ts";

let node: FakeNodePort;
let server: ApiServer;

function start(isOpen = false): ApiServer {
  return new ApiServer({ node, clock: new FakeClock(), log: silentLog, isOpen });
}

beforeEach(() => {
  node = new FakeNodePort();
  server = start();
});

afterEach(() => server.close());

const get = (url: string, headers: Record<string, string> = {}) =>
  server.app.inject({ method: "GET", url, headers: { host: "localhost:8080", ...headers } });

const post = (url: string, payload: string, type = "application/json") =>
  server.app.inject({
    method: "POST",
    url,
    payload,
    headers: { host: "127.0.0.1", "content-type": type },
  });

describe("health", () => {
  test("livez says ok whatever the cluster does; readyz says why not", async () => {
    node.ready = false;
    expect((await get("/livez")).statusCode).toBe(200);
    const answer = await get("/readyz?verbose");
    expect(answer.statusCode).toBe(503);
    expect(answer.body).toBe("[+]storage ok\n[-]cluster failed\nnot ready\n");
    node.ready = true;
    expect((await get("/readyz")).body).toBe("ok\n");
  });

  test("api/health is JSON with a status", async () => {
    expect((await get("/api/health")).json()).toMatchObject({ status: "ok", node: "n1" });
    node.ready = false;
    const answer = await get("/api/health");
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({ status: "unavailable", checks: { cluster: "failed" } });
  });
});

describe("devices", () => {
  test("are listed in pages", async () => {
    for (const id of ["a", "b", "c"]) {
      node.devices.set(id, "motorRPM", 7);
    }
    const first = (await get("/api/v1/devices?limit=2")).json();
    expect(first).toMatchObject({ next: "b", count: 3, stalenessMs: 12 });
    expect(first.devices[0].attributes.motorRPM).toMatchObject({ value: 7, source: "robot" });
    const second = (await get("/api/v1/devices?limit=2&after=b")).json();
    expect(second.devices.map(({ id }: { id: string }) => id)).toEqual(["c"]);
    expect(second.next).toBeNull();
  });

  test("one device by its identifier, or a problem", async () => {
    node.devices.set("robot 1", "coordX", 7);
    expect((await get("/api/v1/devices/robot%201")).json()).toMatchObject({ id: "robot 1" });
    const missing = await get("/api/v1/devices/r2");
    expect(missing.statusCode).toBe(404);
    expect(missing.headers["content-type"]).toContain("application/problem+json");
    expect(missing.json()).toEqual({
      type: "about:blank",
      title: "Not Found",
      status: 404,
      detail: 'no device "r2"',
      code: "unknown-device",
    });
  });

  test("coordinates are a plain array, with the age of the copy in a header", async () => {
    node.devices.set("r1", "coordinates", { x: 1, y: 2, timestamp: 3 });
    node.devices.set("r2", "motorRPM", 3);
    const answer = await get("/api/coordinates");
    expect(answer.json()).toEqual([{ deviceId: "r1", x: 1, y: 2, timestamp: 3 }]);
    expect(answer.headers["x-staleness-ms"]).toBe("12");
  });

  test("a linearizable read waits for the cluster, and fails without a quorum", async () => {
    expect((await get("/api/v1/devices?consistency=linearizable")).statusCode).toBe(200);
    node.barrier = "no-quorum";
    const answer = await get("/api/coordinates?consistency=linearizable");
    expect(answer.statusCode).toBe(503);
    expect(answer.json().code).toBe("no-quorum");
  });

  test.each(["limit=0", "limit=1001", "limit=x", "consistency=strong"])(
    "refuse %s",
    async (query) => {
      const answer = await get(`/api/v1/devices?${query}`);
      expect(answer.statusCode).toBe(400);
      expect(answer.json().code).toBe("request-invalid");
    },
  );
});

describe("commands", () => {
  test("are published to the device's topic at QoS 1", async () => {
    node.matched = 2;
    const answer = await post("/api/commands/r1", '{"command":"slam"}');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      deviceId: "r1",
      command: "slam",
      topic: "orin/r1/command",
      delivered: 2,
      delivery: "delivered",
    });
    expect(node.published).toEqual([
      { topic: "orin/r1/command", payload: Buffer.from("slam"), qos: 1, retain: false },
    ]);
  });

  test.each([
    ["{", 400, "body-not-json"],
    ["", 400, "body-not-json"],
    ["[]", 400, "request-invalid"],
    ["{}", 400, "request-invalid"],
    ['{"command":""}', 400, "request-invalid"],
    ['{"command":{}}', 400, "request-invalid"],
    [`{"command":"${"x".repeat(70_000)}"}`, 413, "body-too-large"],
  ])("with the body %.20s are refused", async (body, status, code) => {
    const answer = await post("/api/commands/r1", body);
    expect(answer.json()).toMatchObject({ status, code });
    expect(answer.headers["content-type"]).toContain("application/problem+json");
    expect(node.published).toEqual([]);
  });

  test.each(["%2B", "a%2Fb", "%23", "a%00b"])("to the device %s are refused", async (id) => {
    expect((await post(`/api/commands/${id}`, '{"command":"x"}')).statusCode).toBe(400);
    expect(node.published).toEqual([]);
  });

  test("in another media type are refused, so that no foreign page can send one", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
      expect((await post("/api/commands/r1", '{"command":"x"}', type)).statusCode).toBe(415);
    }
  });

  test("without a quorum are a problem the client can retry", async () => {
    node.failure = new BrokerError("no-quorum", "no quorum");
    const answer = await post("/api/commands/r1", '{"command":"x"}');
    expect(answer.json()).toMatchObject({ status: 503, code: "no-quorum" });
  });
});

describe("cluster", () => {
  test("status is the contract's shape", async () => {
    expect((await get("/api/v1/cluster")).json()).toEqual(node.status);
  });

  test("a member is removed by name or identifier", async () => {
    const answer = await server.app.inject({
      method: "DELETE",
      url: "/api/v1/cluster/members/n2",
      headers: { host: "localhost" },
    });
    expect(answer.json()).toEqual({ removed: "n2" });
    expect(node.removed).toEqual(["n2"]);
  });

  test("is verified, and its upkeep asked for, with bodies of JSON", async () => {
    expect((await get("/api/v1/cluster?verify=true")).json().verified.replicas).toBe(1);
    expect((await get("/api/v1/cluster?verify=x")).statusCode).toBe(400);
    const transfer = await post("/api/v1/cluster/transfer", '{"to":"n3"}');
    expect(transfer.json()).toEqual({ leader: "n3" });
    const cut = await post("/api/v1/cluster/snapshot", "{}");
    expect(cut.json()).toEqual({ nodes: [{ name: "n1", index: 120 }] });
    const safety = await get("/api/v1/cluster/safe-to-stop/n1");
    expect(safety.json()).toEqual({ nodes: ["n1"], isSafe: true, reasons: [] });
    const both = await get("/api/v1/cluster/safe-to-stop/n1,n2");
    expect(both.json().nodes).toEqual(["n1", "n2"]);
    expect((await get("/api/v1/cluster/safe-to-stop/n1,")).statusCode).toBe(400);
    for (const path of ["transfer", "snapshot"]) {
      const url = `/api/v1/cluster/${path}`;
      expect((await post(url, '{"to":"a b","node":"a b"}')).json().code).toBe("request-invalid");
      expect((await post(url, "{}", "text/plain")).statusCode).toBe(415);
    }
  });

  test("is not asked for something else because a word was misspelt", async () => {
    for (const [path, body] of [
      ["transfer", '{"too":"n3"}'],
      ["transfer", '{"to":"n3","too":1}'],
      ["snapshot", '{"nodes":"n3"}'],
    ] as const) {
      const answer = await post(`/api/v1/cluster/${path}`, body);
      expect(answer.json()).toMatchObject({ status: 400, code: "request-invalid" });
    }
    for (const path of [
      "cluster?verfy=true",
      "retained/a?consistancy=linearizable",
      "devices?consistancy=linearizable",
      "devices/r1?consistancy=linearizable",
      "devices/r1/attributes/mode?consistancy=linearizable",
    ]) {
      expect((await get(`/api/v1/${path}`)).json().code).toBe("request-invalid");
    }
    expect((await get("/api/coordinates?_=1")).statusCode).toBe(200);
  });

  test.each([
    ["unknown-node", 404],
    ["change-refused", 409],
    ["no-quorum", 503],
    ["storage-failed", 500],
  ] as const)("%s is status %d", async (code, status) => {
    node.failure = new ClusterError(code, "secret detail");
    const answer = await server.app.inject({
      method: "DELETE",
      url: "/api/v1/cluster/members/n2",
      headers: { host: "localhost" },
    });
    expect(answer.statusCode).toBe(status);
    expect(answer.body.includes("secret detail")).toBe(status !== 500);
  });
});

describe("the rest", () => {
  test("unknown paths are 404, other methods 405 with Allow", async () => {
    expect((await get("/nothing")).json()).toMatchObject({ status: 404, code: "unknown-path" });
    const answer = await get("/api/commands/r1");
    expect(answer.json()).toMatchObject({ status: 405, code: "method-not-allowed" });
    expect(answer.headers.allow).toBe("POST");
    expect((await get("/api/v1/devices/%E0%A4%A")).json()).toMatchObject({ status: 400 });
    expect((await get("/coordinates")).statusCode).toBe(426);
  });

  test("a foreign Host or Origin is refused on loopback, and welcome when open", async () => {
    const foreign = { host: "evil.example", origin: "https://evil.example" };
    expect((await get("/api/stats", foreign)).statusCode).toBe(421);
    expect((await get("/api/stats", { origin: "https://evil.example" })).statusCode).toBe(403);
    expect((await get("/api/stats", { origin: "http://localhost:3000" })).statusCode).toBe(200);
    expect((await get("/api/stats", { host: "[::1]:8080" })).statusCode).toBe(200);
    await server.close();
    server = start(true);
    expect((await get("/api/stats", foreign)).statusCode).toBe(200);
  });

  test("stats count messages and devices", async () => {
    node.counters.set("publishReceived", 5).set("publishSent", 9).set("droppedQueueFull", 1);
    node.devices.set("r1", "a", 1);
    expect((await get("/api/stats")).json()).toMatchObject({
      messagesIn: 5,
      messagesOut: 9,
      messagesInPerSecond: 0,
      devices: 1,
      connections: 2,
      dropped: { droppedQueueFull: 1 },
    });
  });

  test("metrics are in Prometheus' text format", async () => {
    node.counters.set("publishReceived", 5);
    const answer = await get("/metrics");
    expect(answer.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    const lines = answer.body.split("\n");
    expect(lines).toContain("# TYPE flockmq_publish_received_total counter");
    expect(lines).toContain("flockmq_publish_received_total 5");
    expect(lines).toContain("flockmq_cluster_snapshots_sent_total 2");
    expect(lines).toContain("flockmq_cluster_storage_synced_batches_total 9");
    expect(lines).toContain("# TYPE flockmq_cluster_raft_term gauge");
    expect(lines).toContain("flockmq_staleness_seconds 0.0124");
    expect(lines).toContain('flockmq_build_info{node="n1",version="0.1.0"} 1');
    const names = lines.filter((line) => line !== "" && !line.startsWith("#"));
    expect(names.every((line) => /^(flockmq|process)_[a-z0-9_]+(\{.*\})? \S+$/.test(line))).toBe(
      true,
    );
  });
});
