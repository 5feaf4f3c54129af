import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ApiServer } from "../../../src/api/server.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeNodePort } from "../../support/fake-node-port.ts";
import { silentLog } from "../../support/silent-log.ts";

let node: FakeNodePort;
let clock: FakeClock;
let server: ApiServer;
let url: string;

beforeEach(async () => {
  node = new FakeNodePort();
  clock = new FakeClock();
  server = new ApiServer({ node, clock, log: silentLog, isOpen: false });
  url = `ws://127.0.0.1:${await server.listen("127.0.0.1", 0)}/coordinates`;
});

afterEach(() => server.close());

test("the WebSocket gives the full set, then batches of changes", async () => {
  node.devices.set("r1", "coordinates", { x: 1, y: 2, timestamp: 3 });
  const viewer = new WebSocket(url);
  await once(viewer, "open");
  clock.advance(10);
  const [first] = await once(viewer, "message");
  expect(JSON.parse(String(first))).toEqual([{ deviceId: "r1", x: 1, y: 2, timestamp: 3 }]);
  node.devices.set("r2", "coordinates", { x: 4, y: 5, timestamp: 6 });
  clock.advance(1000);
  const [second] = await once(viewer, "message");
  expect(JSON.parse(String(second))).toEqual([{ deviceId: "r2", x: 4, y: 5, timestamp: 6 }]);
  viewer.terminate();
});

test("a page from elsewhere cannot open it", async () => {
  const viewer = new WebSocket(url, { origin: "https://evil.example" });
  const [error] = await once(viewer, "error");
  expect(String(error)).toContain("403");
});

test("a stopping server says goodbye to viewers", async () => {
  const viewer = new WebSocket(url);
  await once(viewer, "open");
  const closed = once(viewer, "close");
  await server.close();
  expect((await closed)[0]).toBe(1001);
});

test("a port that is taken is the system's error, and another can be tried", async () => {
  const other = new ApiServer({ node, clock, log: silentLog, isOpen: false });
  const port = Number(new URL(url).port);
  await expect(other.listen("127.0.0.1", port)).rejects.toMatchObject({ code: "EADDRINUSE" });
  expect(await other.listen("127.0.0.1", 0)).not.toBe(port);
  await other.close();
});

test("what is no request is told why", async () => {
  const answerTo = async (request: string) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write(request);
    return (await text(socket)).split("\r\n")[0];
  };
  expect(await answerTo("what?\r\n\r\n")).toBe("HTTP/1.1 400 Bad Request");
  const long = `GET / HTTP/1.1\r\nx: ${"y".repeat(20_000)}\r\n\r\n`;
  expect(await answerTo(long)).toBe("HTTP/1.1 431 Request Header Fields Too Large");
});

test("a request that does not end is cut off in time, with a word", async () => {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.write("GET /api/health HTTP/1.1\r\nhost: localhost\r\n");
  expect((await text(socket)).split("\r\n")[0]).toBe("HTTP/1.1 408 Request Timeout");
}, 20_000);
