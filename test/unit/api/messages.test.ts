import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RequestBudget } from "../../../src/api/rate-limit.ts";
import { ApiServer } from "../../../src/api/server.ts";
import { defaultApiSettings } from "../../../src/api/settings.ts";
import { BrokerError } from "../../../src/broker/errors.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeNodePort } from "../../support/fake-node-port.ts";
import { silentLog } from "../../support/silent-log.ts";

let node: FakeNodePort;
let clock: FakeClock;
let server: ApiServer;

function start(settings = defaultApiSettings): ApiServer {
  clock = new FakeClock();
  return new ApiServer({ node, clock, log: silentLog, isOpen: false, settings });
}

beforeEach(() => {
  node = new FakeNodePort();
  server = start();
});

afterEach(() => server.close());

const get = (url: string, headers: Record<string, string> = {}) =>
  server.app.inject({ method: "GET", url, headers: { host: "localhost:8080", ...headers } });

const post = (url: string, body: unknown) =>
  server.app.inject({
    ...{ method: "POST", url, payload: JSON.stringify(body) },
    headers: { host: "localhost", "content-type": "application/json" },
  });

describe("retained messages", () => {
  beforeEach(() => {
    for (const topic of ["b", "a/1", "a", "$SYS/x", "a/2", "ab"]) {
      node.retained.set(topic, { payload: Buffer.from(`of ${topic}`), version: 7 });
    }
  });

  test("are listed by filter, in pages sorted by topic", async () => {
    const first = (await get("/api/v1/retained?filter=a/%23&limit=2")).json();
    expect(first.messages.map(({ topic }: { topic: string }) => topic)).toEqual(["a", "a/1"]);
    expect(first).toMatchObject({ next: "a/1", count: 3 });
    expect(first.messages[0]).toMatchObject({ text: "of a", sizeBytes: 4, version: 7 });
    const second = (await get("/api/v1/retained?filter=a/%23&limit=2&after=a/1")).json();
    expect(second.messages.map(({ topic }: { topic: string }) => topic)).toEqual(["a/2"]);
    expect(second.next).toBeNull();
    expect((await get("/api/v1/retained")).json().count).toBe(5);
    expect((await get("/api/v1/retained?filter=ab")).json().count).toBe(1);
    expect((await get("/api/v1/retained?filter=a%23")).json().code).toBe("topic-invalid");
  });

  test("make a shorter page where they are large, and are bytes where they are no text", async () => {
    const large = Buffer.alloc(3_000_000, 0xff);
    node.retained.set("l1", { payload: large, version: 1 });
    node.retained.set("l2", { payload: large, version: 1 });
    const body = (await get("/api/v1/retained?filter=%2B&after=b")).json();
    expect(body.messages).toHaveLength(1);
    expect(body).toMatchObject({ next: "l1", messages: [{ text: null, sizeBytes: 3_000_000 }] });
  });
});

describe("publishing", () => {
  test("takes text, JSON or bytes, and the properties of MQTT 5", async () => {
    await post("/api/v1/publish", { topic: "t", payload: "text", qos: 2, retain: true });
    await post("/api/v1/publish", { topic: "t", payload: { a: [1] } });
    await post("/api/v1/publish", { topic: "t", payloadBase64: "/wA=" });
    await post("/api/v1/publish", {
      topic: "t",
      properties: {
        ...{ contentType: "c", responseTopic: "r", correlationDataBase64: "AQ==" },
        ...{ messageExpirySeconds: 5, isUtf8: true, userProperties: { k: ["v", "w"], l: "x" } },
      },
    });
    expect(node.published.map(({ payload }) => payload.toString("latin1"))).toEqual([
      ...["text", '{"a":[1]}', "\xff\0", ""],
    ]);
    expect(node.published[0]).toMatchObject({ qos: 2, retain: true, properties: null });
    expect(node.published[3]?.properties).toEqual({
      ...{ contentType: "c", responseTopic: "r", correlationData: Buffer.from([1]) },
      ...{ messageExpiryInterval: 5, payloadFormatIndicator: true },
      userProperties: [
        ["k", "v"],
        ["k", "w"],
        ["l", "x"],
      ],
    });
  });

  test("answers who got it", async () => {
    node.delivery = "queued";
    const answer = await post("/api/v1/publish", { topic: "t" });
    expect(answer.json()).toEqual({ matched: 1, delivery: "queued", version: 0 });
  });

  test.each([
    [{}, "topic"],
    [{ topic: "a/+" }, "body/topic"],
    [{ topic: "t", qos: 3 }, "body/qos"],
    [{ topic: "t", qos: "1" }, "body/qos"],
    [{ topic: "t", retained: true }, "retained"],
    [{ topic: "t", payload: 1, payloadBase64: "" }, "payloadBase64"],
    [{ topic: "t", payloadBase64: "*" }, "payloadBase64"],
    [{ topic: "t", properties: { responseTopic: "#" } }, "responseTopic"],
  ])("refuses %j and names the field", async (body, field) => {
    const answer = await post("/api/v1/publish", body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().detail).toContain(field);
    expect(node.published).toEqual([]);
  });

  test("in bulk has a result for each, and publishes nothing when one is wrong", async () => {
    const url = "/api/v1/publish/bulk";
    const answer = await post(url, { messages: [{ topic: "a" }, { topic: "b", qos: 0 }] });
    expect(answer.json()).toMatchObject({ failed: 0, results: [{ matched: 1 }, { matched: 1 }] });
    node.published.length = 0;
    const wrong = await post(url, { messages: [{ topic: "a" }, { topic: "#" }] });
    expect(wrong.json().detail).toContain("body/messages/1/topic");
    expect(node.published).toEqual([]);
    node.failure = new BrokerError("overloaded", "full");
    const failed = await post(url, { messages: [{ topic: "a" }] });
    expect(failed.json()).toMatchObject({ failed: 1, results: [{ problem: { status: 503 } }] });
    const many = Array.from({ length: 1001 }, () => ({ topic: "a" }));
    expect((await post(url, { messages: many })).statusCode).toBe(400);
  });
});

describe("commands", () => {
  test("go to the topic and with the payload that were configured", async () => {
    await server.close();
    const commands = [{ name: "dock", payload: '{"to":1}' }];
    server = start({ ...defaultApiSettings, commandTopic: "fleet/{device}/in", commands });
    expect((await get("/api/v1/commands")).json()).toEqual({
      topic: "fleet/{device}/in",
      commands,
    });
    await post("/api/commands/r1", { command: "dock" });
    await post("/api/commands/r1", { command: "sing" });
    await post("/api/commands/r1", { command: "goto", parameters: { x: 1 } });
    expect(node.published.map(({ topic, payload }) => [topic, payload.toString()])).toEqual([
      ["fleet/r1/in", '{"to":1}'],
      ["fleet/r1/in", "sing"],
      ["fleet/r1/in", '{"command":"goto","x":1}'],
    ]);
  });

  test("wait for the answer of the device", async () => {
    node.reply = { payload: Buffer.from("done"), properties: { contentType: "text/plain" } };
    const answer = await post("/api/commands/r1?wait=500", { command: "slam" });
    expect(answer.json()).toMatchObject({
      delivery: "delivered",
      response: { text: "done", payload: "ZG9uZQ==", contentType: "text/plain" },
    });
    expect(node.published[0]?.properties).toMatchObject({
      ...{ responseTopic: "$flockmq/responses/n1/1", correlationData: Buffer.from("1") },
    });
    node.reply = null;
    const late = await post("/api/commands/r1?wait=500", { command: "slam" });
    expect(late.json()).toMatchObject({ delivered: 1, response: null });
    expect((await post("/api/commands/r1?wait=60001", { command: "x" })).statusCode).toBe(400);
  });
});

describe("pages of other origins", () => {
  const origin = "https://maps.example";

  test("are refused, and let in when they were allowed by name", async () => {
    expect((await get("/api/stats", { origin })).statusCode).toBe(403);
    await server.close();
    server = start({ ...defaultApiSettings, corsOrigins: [origin] });
    const answer = await get("/api/stats", { origin });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers["access-control-allow-origin"]).toBe(origin);
    expect((await get("/api/stats", { origin: "https://evil.example" })).statusCode).toBe(403);
    const asked = await server.app.inject({
      ...{ method: "OPTIONS", url: "/api/v1/publish" },
      headers: { host: "localhost", origin, "access-control-request-method": "POST" },
    });
    expect(asked.statusCode).toBe(204);
    expect(asked.headers["access-control-allow-methods"]).toContain("POST");
  });
});

describe("too many requests", () => {
  test("of one address are answered 429 with a time to come back, and counted", async () => {
    await server.close();
    server = start({ ...defaultApiSettings, requestsPerSecondMax: 3 });
    const answers = await Promise.all([1, 2, 3, 4].map(() => get("/api/stats")));
    const statuses = answers.map(({ statusCode }) => statusCode).sort();
    expect(statuses).toEqual([200, 200, 200, 429]);
    const refused = answers.find(({ statusCode }) => statusCode === 429);
    expect(refused?.json()).toMatchObject({ code: "rate-limited" });
    expect(Number(refused?.headers["retry-after"])).toBeGreaterThan(0);
    expect((await get("/livez")).statusCode).toBe(200);
    clock.advance(400);
    expect((await get("/api/stats")).statusCode).toBe(200);
    expect((await get("/metrics")).body).toContain("flockmq_requests_limited_total 1");
  });
});

test("an address of IPv6 shares its budget with its network, and many addresses need no memory", () => {
  const budget = new RequestBudget(1, 2);
  expect(budget.take("2001:db8::1", 0)).toBe(true);
  expect(budget.take("2001:db8:0:0:ffff::2", 0)).toBe(false);
  expect(budget.take("2001:db8:0:1::1", 0)).toBe(true);
  expect(budget.take("::ffff:10.0.0.1", 0)).toBe(true);
  // Forgotten, because two others came since.
  expect(budget.take("2001:db8::1", 0)).toBe(true);
});

describe("the last hour", () => {
  test("has a point for each ten seconds, with what came in them", async () => {
    node.counters.set("publishReceived", 5);
    clock.advance(10_000);
    node.counters.set("publishReceived", 12);
    clock.advance(10_000);
    const body = (await get("/api/v1/stats/history")).json();
    expect(body.points.map((p: { messagesIn: number }) => p.messagesIn)).toEqual([5, 7]);
    expect(body.points[1].timeMs - body.points[0].timeMs).toBe(10_000);
    clock.advance(10_000 * 400);
    expect((await get("/api/v1/stats/history")).json().points).toHaveLength(360);
  });

  test("of all nodes is added up, and says who did not answer", async () => {
    clock.advance(10_000);
    const { points } = (await get("/api/v1/stats/history")).json();
    node.peers.nodes.set("n2", () => points);
    node.peers.nodes.set("n3", null);
    const body = (await get("/api/v1/stats/history?cluster=true")).json();
    expect(body).toMatchObject({ nodes: ["n1", "n2"], unanswered: ["n3"] });
    expect(body.points[0]).toMatchObject({ connections: 4, sessions: 3, retained: 5 });
  });
});
