import { afterEach, beforeEach, expect, test } from "vitest";
import { ApiServer } from "../../../src/api/server.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeNodePort } from "../../support/fake-node-port.ts";
import { silentLog } from "../../support/silent-log.ts";

let node: FakeNodePort;
let server: ApiServer;

beforeEach(() => {
  node = new FakeNodePort();
  server = new ApiServer({ node, clock: new FakeClock(), log: silentLog, isOpen: false });
  node.devices.set("r1", "motorRPM", 1600, 1000);
  node.devices.set("r1", "battery", 15, 2000);
  node.devices.set("r2", "motorRPM", 900, 3000);
});

afterEach(() => server.close());

async function ask(method: "GET" | "POST" | "DELETE", url: string, body?: unknown) {
  const payload = body === undefined ? {} : { payload: body as object };
  const answer = await server.app.inject({
    method,
    url,
    headers: { host: "localhost" },
    ...payload,
  });
  return { status: answer.statusCode, body: answer.body === "" ? null : answer.json() };
}

const where = (text: string, more = ""): string =>
  `/api/v1/devices?where=${encodeURIComponent(text)}${more}`;

test("a device tells whether it is there, and each value who wrote it where", async () => {
  const { body } = await ask("GET", "/api/v1/devices/r1");
  expect(body).toMatchObject({ id: "r1", online: true, lastSeenMs: 2000, updatedAtMs: 2000 });
  expect(body.attributes.battery).toEqual({
    ...{ value: 15, version: 2, timeMs: 2000, source: "robot", node: "n1" },
  });
});

test("devices are found by an expression, page by page", async () => {
  const found = await ask("GET", where("motorRPM > 1500 && battery < 20"));
  expect(found.body.devices.map(({ id }: { id: string }) => id)).toEqual(["r1"]);
  expect(found.body).toMatchObject({ next: null, count: 2, scanned: 2 });
  const first = await ask("GET", where("motorRPM > 0", "&limit=1"));
  expect([first.body.devices.length, first.body.next]).toEqual([1, "r1"]);
  const second = await ask("GET", where("motorRPM > 0", "&limit=1&after=r1"));
  expect(second.body.devices[0].id).toBe("r2");
});

test("an expression that cannot be is refused with its position", async () => {
  expect(await ask("GET", where("motorRPM >"))).toMatchObject({
    status: 400,
    body: { code: "where-invalid", detail: expect.stringMatching(/^where: .* at character \d+$/) },
  });
  expect((await ask("GET", where("x".repeat(1001)))).status).toBe(400);
  expect((await ask("GET", where(""))).status).toBe(400);
});

test("the history of an attribute is its values, the oldest first", async () => {
  node.devices.set("r1", "battery", 14, 4000);
  const { body } = await ask("GET", "/api/v1/devices/r1/history?attribute=battery");
  expect(body).toEqual({
    ...{ deviceId: "r1", attribute: "battery" },
    values: [
      { value: 15, version: 2, timeMs: 2000 },
      { value: 14, version: 4, timeMs: 4000 },
    ],
  });
  const last = await ask("GET", "/api/v1/devices/r1/history?attribute=battery&limit=1");
  expect(last.body.values).toHaveLength(1);
  expect((await ask("GET", "/api/v1/devices/r1/history")).status).toBe(400);
  expect(await ask("GET", "/api/v1/devices/r1/history?attribute=x")).toMatchObject({
    ...{ status: 404, body: { code: "unknown-attribute" } },
  });
});

test("what a device is to be is merged and compared with what it reports", async () => {
  const put = await ask("POST", "/api/v1/devices/r1/desired", {
    state: { battery: 15, mode: "x" },
  });
  expect(put).toMatchObject({ status: 200, body: { deviceId: "r1", delta: { mode: "x" } } });
  const { version } = put.body as { version: number };
  const got = await ask("GET", "/api/v1/devices/r1/shadow");
  expect(got.body).toEqual({
    ...{ deviceId: "r1", version, desired: { battery: 15, mode: "x" } },
    ...{ reported: { motorRPM: 1600, battery: 15 }, delta: { mode: "x" } },
  });
  const stale = { state: { mode: null }, version: version + 1 };
  expect(await ask("POST", "/api/v1/devices/r1/desired", stale)).toMatchObject({
    ...{ status: 409, body: { code: "version-conflict" } },
  });
  const fresh = await ask("POST", "/api/v1/devices/r1/desired", { ...stale, version });
  expect(fresh.body.delta).toEqual({});
});

test.each([[{}], [{ state: 5 }], [{ state: {}, version: -1 }], [{ state: {}, more: 1 }]])(
  "a desired state that cannot be is refused: %j",
  async (body) => {
    const answer = await ask("POST", "/api/v1/devices/r1/desired", body);
    expect(answer).toMatchObject({ status: 400, body: { code: "request-invalid" } });
  },
);

test("a device is deleted once, and unknown after that", async () => {
  expect(await ask("DELETE", "/api/v1/devices/r1")).toEqual({ status: 204, body: null });
  for (const [method, path] of [
    ["DELETE", ""],
    ["GET", ""],
    ["GET", "/shadow"],
  ] as const) {
    expect(await ask(method, `/api/v1/devices/r1${path}`)).toMatchObject({
      ...{ status: 404, body: { code: "unknown-device" } },
    });
  }
});
