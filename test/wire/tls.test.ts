import { copyFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { connect as connectTls, type PeerCertificate, type TLSSocket } from "node:tls";
import mqtt, { type MqttClient } from "mqtt";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../cluster/drivers/system-clock.ts";
import { ClientAccess } from "../../src/access/client-access.ts";
import { ApiServer } from "../../src/api/server.ts";
import type { ClientAuth, Listener } from "../../src/listeners/listener.ts";
import { listenTcp } from "../../src/listeners/tcp.ts";
import { listenWebSocket } from "../../src/listeners/websocket.ts";
import { FakeNodePort } from "../support/fake-node-port.ts";
import { silentLog } from "../support/silent-log.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { readTls, tlsFixture } from "../support/tls-files.ts";
import { scramRecordText } from "../support/users.ts";
import { WireBroker } from "../support/wire-broker.ts";

interface Secured {
  readonly access: ClientAccess;
  readonly tcp: Listener;
  readonly webSocket: Listener;
  readonly directory: string;
}

/** A broker that speaks TLS with copies of the keys, and has one user, joe. */
async function secured(clientAuth: ClientAuth = "off"): Promise<Secured> {
  const directory = temporaryDirectory();
  const certificate = join(directory, "cert.pem");
  const key = join(directory, "key.pem");
  copyFileSync(tlsFixture("server.pem"), certificate);
  copyFileSync(tlsFixture("server.key"), key);
  const usersFile = join(directory, "users");
  writeFileSync(usersFile, `user joe ${scramRecordText("right")}\n`, { mode: 0o600 });
  const access = new ClientAccess({
    ...{ usersFile, isAnonymousAllowed: false, clock: systemClock, log: silentLog },
    tls: { certificate, key, ca: tlsFixture("ca.pem"), clientAuth },
  });
  const { authenticator, authorizer } = access;
  const wire = new WireBroker({}, { authenticator, authorizer });
  await wire.start();
  onTestFinished(() => wire.stop());
  const place = { host: "127.0.0.1", port: 0, isPortFixed: true, tls: access.tls ?? undefined };
  const tcp = await listenTcp({ ...place, optionName: "--mqtts" }, wire.broker, silentLog);
  const webSocket = await listenWebSocket(
    { ...place, optionName: "--wss" },
    wire.broker,
    silentLog,
  );
  onTestFinished(async () => {
    await tcp.stopAccepting();
    await webSocket.stopAccepting();
  });
  access.onTlsChanged((settings) => {
    for (const listener of [tcp, webSocket]) listener.renewTls?.(settings);
  });
  return { access, tcp, webSocket, directory };
}

const joe = { username: "joe", password: "right" };

async function login(url: string, options: mqtt.IClientOptions): Promise<MqttClient> {
  const client = mqtt.connect(url, {
    ...{ protocolVersion: 5, reconnectPeriod: 0, ca: readTls("ca.pem") },
    ...options,
  });
  onTestFinished(() => void client.end(true));
  await new Promise<void>((resolve, reject) => {
    client.once("connect", () => resolve());
    client.once("close", () => reject(new Error("closed")));
    client.on("error", reject);
  });
  return client;
}

async function shown(port: number, options: object = {}): Promise<[PeerCertificate, TLSSocket]> {
  const socket = connectTls({ host: "127.0.0.1", port, ca: readTls("ca.pem"), ...options });
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  return [socket.getPeerCertificate(), socket];
}

test("clients log in over TLS and over WebSocket with TLS", async () => {
  const { tcp, webSocket } = await secured();
  const one = await login(`mqtts://localhost:${tcp.port}`, joe);
  const two = await login(`wss://localhost:${webSocket.port}/mqtt`, joe);
  await two.subscribeAsync("a");
  const message = new Promise<string>((resolve) => {
    two.once("message", (_topic, payload) => resolve(payload.toString()));
  });
  await one.publishAsync("a", "over TLS", { qos: 1 });
  expect(await message).toBe("over TLS");
  await expect(
    login(`mqtts://localhost:${tcp.port}`, { username: "joe", password: "no" }),
  ).rejects.toThrow();
});

test("TLS 1.1 is refused", async () => {
  const { tcp } = await secured();
  const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
  await expect(shown(tcp.port, old)).rejects.toThrow();
});

describe("certificates of clients", () => {
  const robot = { cert: readTls("robot1.pem"), key: readTls("robot1.key") };
  const stranger = { cert: readTls("stranger.pem"), key: readTls("stranger.key") };

  test("are the user when they are required, and without one nobody comes in", async () => {
    const { tcp } = await secured("require");
    const client = await login(`mqtts://localhost:${tcp.port}`, robot);
    expect(client.connected).toBe(true);
    await expect(login(`mqtts://localhost:${tcp.port}`, joe)).rejects.toThrow();
    await expect(login(`mqtts://localhost:${tcp.port}`, { ...joe, ...stranger })).rejects.toThrow();
  });

  test("need not be shown when they are requested, and count only when they are signed", async () => {
    const { tcp, webSocket } = await secured("request");
    const url = `mqtts://localhost:${tcp.port}`;
    expect((await login(url, robot)).connected).toBe(true);
    expect((await login(`wss://localhost:${webSocket.port}`, robot)).connected).toBe(true);
    expect((await login(url, joe)).connected).toBe(true);
    await expect(login(url, stranger)).rejects.toThrow();
  });
});

describe("files that change", () => {
  test("are used for the next handshake, while connections go on", async () => {
    const { access, tcp, directory } = await secured();
    const client = await login(`mqtts://localhost:${tcp.port}`, joe);
    const [before] = await shown(tcp.port);
    copyFileSync(tlsFixture("renewed.pem"), join(directory, "cert.pem"));
    copyFileSync(tlsFixture("renewed.key"), join(directory, "key.pem"));
    expect(await access.reload()).toBe(true);
    const [after] = await shown(tcp.port);
    expect(after.fingerprint256).not.toBe(before.fingerprint256);
    expect(client.connected).toBe(true);
  });

  test("change nothing when they do not fit", async () => {
    const { access, tcp, directory } = await secured();
    const [before] = await shown(tcp.port);
    copyFileSync(tlsFixture("renewed.pem"), join(directory, "cert.pem"));
    await access.reload();
    expect(access.metrics().get("tlsFilesReloadsFailed")).toBe(1);
    expect((await shown(tcp.port))[0].fingerprint256).toBe(before.fingerprint256);
  });
});

test.each([
  ["server.pem", "robot1.key", /--tls-key .*robot1\.key: is not the key of .*server\.pem/],
  ["server.key", "server.key", /--tls-cert .*server\.key: expected certificates in PEM/],
  ["server.pem", "server.pem", /--tls-key .*server\.pem: expected a private key in PEM/],
  ["none.pem", "server.key", /--tls-cert .*none\.pem: cannot be read \(ENOENT\)/],
])("%s with %s is refused, and the error names the file", (certificate, key, message) => {
  const tls = {
    certificate: tlsFixture(certificate),
    key: tlsFixture(key),
    ca: null,
    clientAuth: "off" as const,
  };
  const options = { usersFile: null, isAnonymousAllowed: true, clock: systemClock, log: silentLog };
  expect(() => new ClientAccess({ ...options, tls })).toThrow(message);
});

test("the HTTP API speaks HTTPS", async () => {
  const { access } = await secured();
  const node = new FakeNodePort();
  const server = new ApiServer({
    node,
    clock: systemClock,
    log: silentLog,
    isOpen: false,
    tls: access.tls,
  });
  onTestFinished(() => server.close());
  const port = await server.listen("127.0.0.1", 0);
  const status = await new Promise((resolve, reject) => {
    const options = { host: "localhost", port, path: "/livez", ca: readTls("ca.pem") };
    request(options, ({ statusCode }) => resolve(statusCode))
      .on("error", reject)
      .end();
  });
  expect(status).toBe(200);
});
