import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { defaultLiveLimits } from "../../../../src/api/live/limits.ts";
import { ApiServer } from "../../../../src/api/server.ts";
import { BrokerError } from "../../../../src/broker/errors.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { FakeNodePort } from "../../../support/fake-node-port.ts";
import { silentLog } from "../../../support/silent-log.ts";

let node: FakeNodePort;
let clock: FakeClock;
let server: ApiServer;
let port: number;

beforeEach(async () => {
  node = new FakeNodePort();
  clock = new FakeClock();
  const liveLimits = { ...defaultLiveLimits, viewersMax: 2 };
  server = new ApiServer({ node, clock, log: silentLog, isOpen: false, liveLimits });
  port = await server.listen("127.0.0.1", 0);
});

afterEach(() => server.close());

async function open(path: string): Promise<WebSocket> {
  const viewer = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  await once(viewer, "open");
  return viewer;
}

async function next(viewer: WebSocket): Promise<Record<string, unknown>> {
  const message = once(viewer, "message");
  const [data] = await message;
  return JSON.parse(String(data));
}

async function say(viewer: WebSocket, request: unknown): Promise<Record<string, unknown>> {
  const answer = next(viewer);
  viewer.send(JSON.stringify(request));
  return answer;
}

async function refusal(path: string): Promise<object> {
  const viewer = new WebSocket(`ws://127.0.0.1:${port}${path}`);
  viewer.on("error", () => undefined);
  const [, response] = await once(viewer, "unexpected-response");
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return JSON.parse(String(Buffer.concat(chunks)));
}

test("a WebSocket says what it wants, is told what was understood, and gets it", async () => {
  node.devices.set("r1", "motorRPM", 5);
  const viewer = await open("/api/v1/live");
  expect(await say(viewer, { subscribe: { devices: true }, intervalMs: 50 })).toEqual({
    type: "subscribed",
    subscribe: { devices: true, messages: [], cluster: false, stats: false },
    intervalMs: 50,
  });
  const full = next(viewer);
  clock.advance(10);
  expect(await full).toMatchObject({ type: "devices", reset: true, changes: [{ id: "r1" }] });
  viewer.terminate();
});

test("a request that cannot be met is answered with its reason, and the connection stays", async () => {
  const viewer = await open("/api/v1/live");
  expect(await say(viewer, { subscribe: { devise: true } })).toMatchObject({
    type: "error",
    code: "request-invalid",
    status: 400,
  });
  node.failure = new BrokerError("not-authorized", "no");
  expect(await say(viewer, { subscribe: { messages: ["a"] } })).toMatchObject({
    code: "not-authorized",
    status: 403,
  });
  node.failure = null;
  expect(await say(viewer, { subscribe: { stats: true } })).toMatchObject({ type: "subscribed" });
  viewer.terminate();
});

test.each([
  ["/coordinates?interval=10", "interval must be whole milliseconds from 50 to 60000"],
  ["/coordinates?interval=soon", "interval"],
  ["/coordinates?devices=a,,b", "devices"],
  ["/api/v1/live?device=a", "unknown"],
])("%s is refused before the upgrade", async (path, reason) => {
  const problem = await refusal(path);
  expect(problem).toMatchObject({ status: 400, code: "request-invalid" });
  expect(problem).toHaveProperty("detail", expect.stringContaining(reason));
});

test("wishes may stand in the address of the WebSocket", async () => {
  // What it is told may come in one piece with the upgrade.
  const viewer = new WebSocket(`ws://127.0.0.1:${port}/api/v1/live?devices=r1,r2`);
  expect(await next(viewer)).toMatchObject({ subscribe: { devices: { ids: ["r1", "r2"] } } });
  viewer.terminate();
});

test("an expression is understood by a WebSocket and an event stream alike, and a hostile one refused with its place", async () => {
  node.devices.set("r1", "battery", 10);
  node.devices.set("r2", "battery", 90);
  const where = "battery < 20";
  const viewer = await open("/api/v1/live");
  expect(await say(viewer, { subscribe: { devices: { where } } })).toMatchObject({
    subscribe: { devices: { where } },
  });
  for (const hostile of ["x.constructor.constructor('return process')()", "(".repeat(900), "a <"]) {
    expect(await say(viewer, { subscribe: { devices: { where: hostile } } })).toMatchObject({
      type: "error",
      code: "where-invalid",
      status: 400,
      detail: expect.stringContaining("subscribe.devices.where: "),
    });
  }
  const full = next(viewer);
  clock.advance(50);
  clock.advance(50);
  expect(await full).toMatchObject({ reset: true, changes: [{ id: "r1" }] });
  viewer.terminate();
  const events = `http://127.0.0.1:${port}/api/v1/live/events?where=`;
  const refused = await fetch(events + encodeURIComponent("battery <"));
  expect([refused.status, await refused.json()]).toMatchObject([400, { code: "where-invalid" }]);
  const stream = await fetch(events + encodeURIComponent(where));
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes('"r1"')) {
    clock.advance(50);
    text += (await reader.read()).value ?? "";
  }
  expect(text).toContain('"where":"battery < 20"');
  expect(text).not.toContain('"r2"');
  await reader.cancel();
});

test("who sends much at once is cut off, by number and by size", async () => {
  const hasty = await open("/api/v1/live");
  const closed = once(hasty, "close");
  for (let at = 0; at < 1000; at++) hasty.send("{}");
  expect((await closed)[0]).toBe(1008);
  const heavy = await open("/api/v1/live");
  const cut = once(heavy, "close");
  heavy.send("x".repeat(defaultLiveLimits.requestSizeBytesMax + 1));
  expect((await cut)[0]).toBe(1009);
});

async function stream(path: string, headers: Record<string, string> = {}) {
  const abort = new AbortController();
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers,
    signal: abort.signal,
  });
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const until = async (part: string): Promise<string> => {
    while (!text.includes(part)) {
      const { value, done } = (await reader?.read()) ?? { value: "", done: true };
      if (done) throw new Error(`the stream ended after ${text}`);
      text += value;
    }
    return text;
  };
  return { answer, until, end: () => abort.abort() };
}

test("server-sent events are the same news, with the token as their id", async () => {
  node.devices.set("r1", "motorRPM", 5);
  const { answer, until, end } = await stream("/api/v1/live/events?devices=true");
  expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  await until("event: subscribed");
  clock.advance(10);
  const text = await until('"r1"');
  expect(text).toContain("retry: 2000\n\n");
  expect(text).toContain('event: devices\nid: c0ffee.1\ndata: {"type":"devices","reset":true');
  clock.advance(defaultLiveLimits.pingMs);
  expect(await until("\n:\n\n")).toContain("\n:\n\n");
  end();
});

test("an event source that comes back goes on behind its last event", async () => {
  node.devices.set("r1", "motorRPM", 5);
  node.devices.set("r2", "motorRPM", 5);
  const { until, end } = await stream("/api/v1/live/events?devices=true", {
    "last-event-id": "c0ffee.1",
  });
  await until("event: subscribed");
  clock.advance(10);
  const text = await until("event: devices");
  expect(text).toContain('"r2"');
  expect(text).not.toContain('"r1"');
  end();
});

test("an event stream that cannot be is an ordinary refusal", async () => {
  const misspelt = await fetch(`http://127.0.0.1:${port}/api/v1/live/events?device=a`);
  expect([misspelt.status, await misspelt.json()]).toMatchObject([
    400,
    { code: "request-invalid" },
  ]);
  node.failure = new BrokerError("topic-invalid", "no filter");
  const refused = await fetch(`http://127.0.0.1:${port}/api/v1/live/events?messages=a%23`);
  expect([refused.status, await refused.json()]).toMatchObject([400, { code: "topic-invalid" }]);
  const viewers = [await open("/coordinates"), await open("/coordinates")];
  const late = await fetch(`http://127.0.0.1:${port}/api/v1/live/events?stats=true`);
  expect([late.status, await late.json()]).toMatchObject([503, { code: "overloaded" }]);
  for (const viewer of viewers) viewer.terminate();
});

test("a plain GET of a WebSocket is told so", async () => {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/live`);
  expect([answer.status, answer.headers.get("upgrade")]).toEqual([426, "websocket"]);
});
