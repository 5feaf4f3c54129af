import { once } from "node:events";
import { connect, createServer } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { listenTcp } from "../../src/listeners/tcp.ts";
import { listenWebSocket } from "../../src/listeners/websocket.ts";
import { bytesUntilEnd, Inbox, WireBroker } from "../support/wire-broker.ts";

const wire = new WireBroker({
  pendingConnectionsMax: 20,
  pendingUpgradesMax: 10,
  maximumPacketSizeBytes: 64 * 1024,
  lingerMs: 200,
  connectTimeoutMs: 500,
});
beforeAll(() => wire.start());
afterAll(() => wire.stop());

/** CONNECT, MQTT 5, clean start, no keep alive, the given one-letter client identifier. */
function connect5(letter: string): Buffer {
  const bytes = [0x10, 14, 0, 4, 0x4d, 0x51, 0x54, 0x54, 5, 2, 0, 0, 0, 0, 1];
  return Buffer.from([...bytes, letter.charCodeAt(0)]);
}

const connack = { cmd: 0x20 } as const;

/** Splits bytes into packets, for short packets only. */
function packets(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 1 < bytes.length; ) {
    const end = at + 2 + bytes[at + 1]!;
    found.push(bytes.subarray(at, end));
    at = end;
  }
  return found;
}

test("MQTT over WebSocket, and across to TCP", async () => {
  for (const path of ["", "/mqtt"]) {
    const url = `ws://127.0.0.1:${wire.webSocketPort}${path}`;
    const browser = await wire.client({}, url);
    const inbox = new Inbox(browser);
    await browser.subscribeAsync("web", { qos: 1 });
    const other = await wire.client();
    await other.publishAsync("web", "hello", { qos: 1 });
    expect((await inbox.next()).text).toBe("hello");
    await browser.endAsync();
  }
});

test("WebSocket frames may cut packets anywhere", async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${wire.webSocketPort}/mqtt`, "mqtt");
  await once(socket, "open");
  expect(socket.protocol).toBe("mqtt");
  for (const byte of connect5("w")) socket.send(Buffer.from([byte]));
  const [data] = (await once(socket, "message")) as [Buffer];
  expect([data[0], data[3]]).toEqual([connack.cmd, 0]);
  socket.close();
  await once(socket, "close");
});

test("sockets that wait for their upgrade are bounded, and there is room again when some went", async () => {
  const { counters } = wire.broker;
  const before = counters.upgradesRefused;
  const silent = Array.from({ length: 13 }, () => {
    const socket = connect({ host: "127.0.0.1", port: wire.webSocketPort });
    socket.on("error", () => {});
    return socket;
  });
  await Promise.all(silent.map((socket) => once(socket, "connect")));
  await expect.poll(() => counters.upgradesRefused - before).toBe(3);
  await expect.poll(() => silent.filter(({ closed }) => closed).length).toBe(3);
  for (const socket of silent) socket.destroy();
  await expect.poll(() => silent.every(({ closed }) => closed)).toBe(true);
  // The node may hear of it a moment later than this end.
  for (let opened = 0; opened < 12; ) {
    const socket = new WebSocket(`ws://127.0.0.1:${wire.webSocketPort}/mqtt`, "mqtt");
    const isOpen = await Promise.race([
      once(socket, "open").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    if (isOpen) opened++;
    socket.terminate();
  }
});

test("a text frame ends a WebSocket; another path or subprotocol is refused", async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${wire.webSocketPort}/`, ["mqttv3.1"]);
  await once(socket, "open");
  expect(socket.protocol).toBe("mqttv3.1");
  socket.send("text");
  const [code] = (await once(socket, "close")) as [number];
  expect(code).toBe(1003);
  for (const [path, protocol] of [
    ["/else", "mqtt"],
    ["/mqtt", "chat"],
  ] as const) {
    const refused = new WebSocket(`ws://127.0.0.1:${wire.webSocketPort}${path}`, protocol);
    const [error] = (await once(refused, "error")) as [Error];
    expect(error.message).toContain("400");
  }
});

test("a refused peer that keeps its half open is cut off, and so is one that says goodbye and never reads", async () => {
  const other = await wire.client();
  const before = wire.broker.figures().connections;
  const refused = wire.halfOpenSocket(wire.webSocketPort);
  refused.write("GET /else HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n");
  refused.write("upgrade: websocket\r\n\r\n");
  const silent = wire.halfOpenSocket(wire.port);
  silent.write(connect5("h"));
  await once(silent, "data");
  silent.write(Buffer.from([0x82, 9, 0, 1, 0, 0, 3, 0x62, 0x69, 0x67, 0]));
  await once(silent, "data");
  silent.pause();
  // More than the socket buffers of both sides take, less than congests the client.
  for (let sent = 0; sent < 150; sent++) {
    await other.publishAsync("big", Buffer.alloc(60_000), { qos: 1 });
  }
  silent.end();
  const connected = () => wire.broker.figures().connections;
  await expect.poll(connected, { timeout: 10_000 }).toBe(before);
  // A write to a socket that is gone is answered by a reset.
  const keepsWriting = async () => {
    refused.write("x");
    return refused.destroyed;
  };
  await expect.poll(keepsWriting, { timeout: 10_000 }).toBe(true);
  await other.endAsync();
}, 15_000);

test("on loopback a page from elsewhere, or a foreign name for it, is refused", async () => {
  const url = `ws://127.0.0.1:${wire.webSocketPort}/mqtt`;
  const own = new WebSocket(url, "mqtt", { origin: "http://localhost:8080" });
  await once(own, "open");
  own.terminate();
  for (const headers of [{ origin: "https://evil.example" }, { host: "127.evil.example" }]) {
    const refused = new WebSocket(url, "mqtt", { headers });
    const [error] = (await once(refused, "error")) as [Error];
    expect(error.message).toContain("403");
  }
});

test("the client sees why it was disconnected, and unread input does not reset the socket", async () => {
  const socket = wire.socket();
  const received = bytesUntilEnd(socket);
  // A PUBLISH at QoS 3 behind CONNECT, and a lot more behind it.
  socket.write(Buffer.concat([connect5("m"), Buffer.from([0x36, 2, 0, 1]), Buffer.alloc(60_000)]));
  const [first, second] = packets(await received);
  expect(first?.[0]).toBe(connack.cmd);
  expect([second?.[0], second?.[2]]).toEqual([0xe0, 0x81]);
});

test("an oversized packet is refused with 0x95 as soon as its length is known", async () => {
  const socket = wire.socket();
  const received = bytesUntilEnd(socket);
  socket.write(Buffer.concat([connect5("o"), Buffer.from([0x30, 0xff, 0xff, 0x7f])]));
  const all = packets(await received);
  expect([all.at(-1)?.[0], all.at(-1)?.[2]]).toEqual([0xe0, 0x95]);
});

test("an unknown protocol version gets a CONNACK; what is no CONNECT gets nothing", async () => {
  const unknown = wire.socket();
  const answer = bytesUntilEnd(unknown);
  unknown.write(Buffer.from([0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 9, 2, 0, 0, 0, 1, 0x78]));
  expect([...(await answer)].slice(0, 4)).toEqual([0x20, 2, 0, 1]);
  const http = wire.socket();
  const nothing = bytesUntilEnd(http);
  http.write("GET / HTTP/1.0\r\n\r\n");
  expect((await nothing).length).toBe(0);
});

test("any single byte of a CONNECT and a SUBSCRIBE may be wrong without harm", async () => {
  const good = Buffer.concat([
    connect5("f"),
    Buffer.from([0x82, 7, 0, 1, 0, 0, 1, 0x61, 0]),
    Buffer.from([0x32, 7, 0, 1, 0x61, 0, 2, 0, 0x78]),
    Buffer.from([0xe0, 0]),
  ]);
  for (let at = 0; at < good.length; at++) {
    const bad = Buffer.from(good);
    bad[at] = bad[at]! ^ 0xff;
    const socket = wire.socket();
    const ended = bytesUntilEnd(socket);
    socket.end(bad);
    await ended;
    socket.destroy();
  }
  expect(wire.log.errors).toEqual([]);
  expect(wire.broker.counters.internalErrors).toBe(0);
  const alive = await wire.client();
  await alive.subscribeAsync("still here");
});

test("a flood of sockets without CONNECT is bounded, and goes away", async () => {
  const { counters } = wire.broker;
  const before = [counters.connectionsRefused, counters.connectTimeouts];
  const flood = Array.from({ length: 60 }, () => wire.socket());
  await Promise.all(
    flood.map((socket) => {
      socket.resume();
      return new Promise<void>((resolve) => socket.once("close", () => resolve()));
    }),
  );
  // On a slow machine some find the place of others whose time was over.
  const refused = counters.connectionsRefused - before[0]!;
  const timedOut = counters.connectTimeouts - before[1]!;
  expect(refused + timedOut).toBe(60);
  expect(Math.min(refused, timedOut)).toBeGreaterThan(0);
  const connects = () =>
    wire.client().then(
      () => true,
      () => false,
    );
  await expect.poll(connects).toBe(true);
});

test("a port that was asked for and is taken is an error that names the option; a default moves on", async () => {
  const blocker = createServer();
  blocker.listen(0, "127.0.0.1");
  await once(blocker, "listening");
  const port = (blocker.address() as { port: number }).port;
  const options = { host: "127.0.0.1", port, optionName: "--mqtt" };
  await expect(
    listenTcp({ ...options, isPortFixed: true }, wire.broker, wire.log),
  ).rejects.toMatchObject({
    code: "port-taken",
    message: expect.stringContaining("--mqtt") as string,
  });
  const moved = await listenTcp({ ...options, isPortFixed: false }, wire.broker, wire.log);
  expect(moved.port).toBeGreaterThan(port);
  await moved.stopAccepting();
  blocker.close();
});

test("two listeners share a port when both say so, whatever they speak; one that does not say so is refused", async () => {
  for (const listen of [listenTcp, listenWebSocket]) {
    const options = { host: "127.0.0.1", isPortFixed: true, isShared: true, optionName: "--mqtt" };
    const first = await listen({ ...options, port: 0 }, wire.broker, wire.log);
    const second = await listen({ ...options, port: first.port }, wire.broker, wire.log);
    expect(second.port).toBe(first.port);
    await expect(
      listen({ ...options, isShared: false, port: first.port }, wire.broker, wire.log),
    ).rejects.toMatchObject({ code: "port-taken" });
    await first.stopAccepting();
    await second.stopAccepting();
  }
});
