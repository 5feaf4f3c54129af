import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { unencryptedSizeBytesMax } from "../../cluster/limits.ts";
import { Libp2pHarness } from "../support/libp2p-harness.ts";
import type { TestNode } from "../support/transport-harness.ts";

const harness = new Libp2pHarness();
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await harness.stop();
});

/** Somebody who reaches the port and knows nothing. */
async function stranger(node: TestNode, localAddress = "127.0.0.1"): Promise<Socket> {
  const port = Number(node.address.split(":").at(-1));
  const socket = connect({ host: "127.0.0.1", port, localAddress });
  socket.on("error", () => {});
  sockets.push(socket);
  await once(socket, "connect");
  return socket;
}

function refused(node: TestNode, reason: string): number {
  return node.counters.get(`transport_connections_refused_${reason}`);
}

test("of silent connections from one address a few are kept, and those not for long", async () => {
  const limits = { pendingPerAddressMax: 5, handshakeTimeoutMs: 400 };
  const node = await harness.start({ limits });
  const silent = await Promise.all(Array.from({ length: 20 }, () => stranger(node)));
  await harness.until(() => refused(node, "address") === 15, "the rest is refused");
  await harness.until(() => refused(node, "late") === 5, "those kept are cut off");
  await harness.until(() => silent.every(({ closed }) => closed), "all are closed");
  const peer = await harness.start();
  await peer.transport.dial(node.address, 5000);
  await harness.until(() => node.ups().includes(peer.id), "the peer is linked");
});

test("connections in all are bounded too", async () => {
  const limits = { pendingConnectionsMax: 5, handshakeTimeoutMs: 400 };
  const node = await harness.start({ limits });
  await Promise.all(Array.from({ length: 8 }, () => stranger(node)));
  await harness.until(() => refused(node, "full") === 3, "the rest is refused");
});

test.runIf(process.platform === "linux")(
  "many of one address keep no peer of another out",
  async () => {
    const node = await harness.start({ limits: { pendingPerAddressMax: 5 } });
    await Promise.all(Array.from({ length: 20 }, () => stranger(node, "127.0.0.2")));
    const peer = await harness.start();
    await peer.transport.dial(node.address, 5000);
    await harness.until(() => node.ups().includes(peer.id), "the peer is linked");
  },
);

test("who talks on and on before the encryption is cut off", async () => {
  const node = await harness.start();
  const talker = await stranger(node);
  const question = Buffer.from("\x07/else\n");
  talker.write("\x13/multistream/1.0.0\n");
  const lines = Math.ceil(unencryptedSizeBytesMax / question.length) + 1;
  talker.write(Buffer.concat(Array.from({ length: lines }, () => question)));
  await harness.until(() => refused(node, "flood") === 1, "it is cut off");
  await harness.until(() => talker.closed, "its socket is closed");
});

test("links do not count, however many there are", async () => {
  const node = await harness.start({
    limits: { pendingPerAddressMax: 2, pendingConnectionsMax: 2 },
  });
  const peers = await Promise.all(Array.from({ length: 4 }, () => harness.start()));
  for (const peer of peers) await peer.transport.dial(node.address, 5000);
  await harness.until(() => node.transport.links().length === peers.length, "all are linked");
  expect(refused(node, "address") + refused(node, "full")).toBe(0);
});
