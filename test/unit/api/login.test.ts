import { request } from "node:http";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import WebSocket from "ws";
import { checkLogin } from "../../../src/api/login.ts";
import { ApiServer } from "../../../src/api/server.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeNodePort } from "../../support/fake-node-port.ts";
import { silentLog } from "../../support/silent-log.ts";

const users = {
  roleOf: async (name: string, password: Buffer) => {
    if (password.toString() === "busy") return "busy" as const;
    if (password.toString() !== "right:with colon") return null;
    return name === "admin" || name === "viewer" ? (name as "admin" | "viewer") : ("none" as const);
  },
};

let port: number;

beforeEach(async () => {
  const node = new FakeNodePort();
  const server = new ApiServer({
    ...{ node, clock: new FakeClock(), log: silentLog, isOpen: false, users },
  });
  onTestFinished(() => server.close());
  port = await server.listen("127.0.0.1", 0);
});

function basic(name: string, password = "right:with colon"): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}` };
}

/** By another name than this machine's, as through a port that others reach. */
const fromElsewhere = { host: "broker.example:8080" };

function ask(
  method: string,
  path: string,
  headers: object,
): Promise<{ status: number; challenge: string | undefined }> {
  return new Promise((resolve, reject) => {
    const sent = request({
      port,
      host: "127.0.0.1",
      method,
      path,
      headers: { ...fromElsewhere, ...headers },
    });
    sent.on("response", (response) => {
      response.resume();
      resolve({
        status: response.statusCode ?? 0,
        challenge: response.headers["www-authenticate"],
      });
    });
    sent.on("error", reject);
    sent.end();
  });
}

describe("a request from elsewhere", () => {
  test("is asked for a name, save for what a load balancer asks", async () => {
    expect(await ask("GET", "/api/v1/devices", {})).toEqual({
      status: 401,
      challenge: 'Basic realm="FlockMQ", charset="UTF-8"',
    });
    expect((await ask("GET", "/livez", {})).status).toBe(200);
    expect((await ask("GET", "/metrics", {})).status).toBe(401);
    expect((await ask("GET", "/nowhere", {})).status).toBe(401);
  });

  test.each([
    ["admin", "GET", 200],
    ["viewer", "GET", 200],
    ["device", "GET", 403],
    ["admin", "DELETE", 204],
    ["viewer", "DELETE", 403],
    ["device", "DELETE", 403],
  ])("of a %s may %s or not", async (name, method, status) => {
    const path = method === "GET" ? "/api/v1/devices" : "/api/v1/cluster/nodes/n2";
    const answer = await ask(method, path, basic(name));
    // What the route answers itself is not the matter here.
    if (status < 300) expect([401, 403]).not.toContain(answer.status);
    else expect(answer.status).toBe(status);
  });

  test.each([
    ["a wrong password", basic("admin", "wrong"), 401],
    ["no colon", { authorization: `Basic ${Buffer.from("admin").toString("base64")}` }, 401],
    ["rubbish", { authorization: "Basic %%%" }, 401],
    ["another scheme", { authorization: "Bearer abc" }, 401],
    ["too many others before it", basic("admin", "busy"), 503],
    ["a page from elsewhere", { ...basic("admin"), origin: "https://evil.example" }, 403],
  ])("with %s is refused", async (_what, headers, status) => {
    expect((await ask("GET", "/api/v1/devices", headers)).status).toBe(status);
  });

  test("from a page of the node itself is answered", async () => {
    const headers = { ...basic("admin"), origin: "http://broker.example:8080" };
    expect((await ask("GET", "/api/v1/devices", headers)).status).toBe(200);
  });
});

test("programs of this machine need no login, unless somebody stands between", async () => {
  const host = `127.0.0.1:${port}`;
  expect((await ask("GET", "/api/v1/devices", { host })).status).toBe(200);
  expect(
    (await ask("GET", "/api/v1/devices", { host, "x-forwarded-for": "192.0.2.7" })).status,
  ).toBe(401);
  const foreign = { socket: { remoteAddress: "192.0.2.7" }, headers: { host }, url: "/metrics" };
  await expect(checkLogin(foreign as never, users, [])).rejects.toMatchObject({ statusCode: 401 });
});

test("a WebSocket needs a login, too", async () => {
  const open = (headers: object) =>
    new Promise<number>((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/coordinates`, {
        headers: { ...fromElsewhere, ...headers },
      });
      socket.on("open", () => {
        socket.close();
        resolve(101);
      });
      socket.on("unexpected-response", (_request, response) => resolve(response.statusCode ?? 0));
      socket.on("error", () => undefined);
    });
  expect(await open({})).toBe(401);
  expect(await open(basic("device"))).toBe(403);
  expect(await open(basic("viewer"))).toBe(101);
});
