import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { generateIdentity } from "../../cluster/transport/identity.ts";
import { Channel } from "../../cluster/transport/transport.ts";
import { Libp2pHarness } from "../support/libp2p-harness.ts";
import type { TestNode } from "../support/transport-harness.ts";

const otherSecret = Buffer.from("the secret of another cluster");

describe("libp2p transport on real sockets", () => {
  let harness: Libp2pHarness;
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => {
    unhandled.push(reason);
  };

  beforeEach(() => {
    harness = new Libp2pHarness();
    unhandled.length = 0;
    process.on("unhandledRejection", onUnhandled);
  });

  afterEach(async () => {
    await harness.stop();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", onUnhandled);
    expect(unhandled).toEqual([]);
  });

  async function garbageClient(node: TestNode, bytes: Uint8Array): Promise<Socket> {
    const socket = connect(node.transport.port, "127.0.0.1");
    socket.on("error", () => {});
    await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
    return socket;
  }

  test("20 nodes on one address all link and hear each other's broadcasts", async () => {
    const nodes: TestNode[] = [];
    // Each link is dialled from both ends at once, and 15 or more are up on one address when the last ones come.
    for (let index = 0; index < 20; index++) {
      const node = await harness.start();
      const dials = nodes.flatMap((other) => [
        node.transport.dial(other.address, 20_000),
        other.transport.dial(node.address, 20_000),
      ]);
      await Promise.all(dials);
      nodes.push(node);
    }
    for (const node of nodes) {
      expect(node.transport.links().length).toBe(19);
      expect([node.ups().length, node.downs()]).toEqual([19, []]);
    }
    // Longer than a few heartbeats of gossipsub: scoring would have pruned the mesh by then.
    const endMs = performance.now() + 2000;
    await harness.until(() => performance.now() > endMs, "some heartbeats have passed");
    for (const node of nodes) node.transport.broadcast(Buffer.from(node.id));
    const heard = (node: TestNode): number => new Set(node.broadcasts.map(({ from }) => from)).size;
    await harness.until(() => nodes.every((node) => heard(node) === 19), "all have heard all");
    for (const { from, payload } of nodes[0]?.broadcasts ?? [])
      expect(payload.toString()).toBe(from);
  }, 30_000);

  test("garbage at the port harms nobody", async () => {
    const node = await harness.start();
    const sockets = await Promise.all(
      [
        Buffer.alloc(100_000, 0xff),
        Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        Buffer.from("\x13/multistream/1.0.0\n\x07/noise\nrubbish after that"),
        Buffer.alloc(0),
      ].map((bytes) => garbageClient(node, bytes)),
    );
    const peer = await harness.start();
    await peer.transport.dial(node.address, 5000);
    for (const socket of sockets) socket.resetAndDestroy();
    peer.transport.send(node.id, Channel.raft, Buffer.from("fine"));
    await harness.until(() => node.frames.length === 1, "frames flow");
    expect(node.transport.links()).toEqual([peer.id]);
  });

  test("a node with another secret gets nothing, and does not fill the log", async () => {
    const node = await harness.start();
    const friend = await harness.start();
    const stranger = await harness.start({ secret: otherSecret });
    await friend.transport.dial(node.address, 5000);
    for (let attempt = 0; attempt < 10; attempt++) {
      const dial = stranger.transport.dial(node.address, 5000);
      await expect(dial).rejects.toMatchObject({ code: "wrong-secret" });
    }
    friend.transport.broadcast(Buffer.from("private"));
    node.transport.broadcast(Buffer.from("private"));
    await harness.until(
      () => node.counters.get("transport_handshakes_failed") === 10,
      "all attempts are counted",
    );
    expect([stranger.links, stranger.broadcasts, node.ups()]).toEqual([[], [], [friend.id]]);
    const warnings = harness.log.lines.filter(({ level }) => level === "warn");
    expect(warnings.map(({ message }) => message)).toEqual([
      "peer refused: it has another cluster secret, or is no FlockMQ node",
    ]);
  });

  test("a peer that announces too large a frame is disconnected, with a log line", async () => {
    const node = await harness.start({ limits: { frameSizeBytesMax: 1000 } });
    const peer = await harness.start();
    await peer.transport.dial(node.address, 5000);
    peer.transport.send(node.id, Channel.forward, Buffer.alloc(1001));
    await harness.until(() => peer.downs().length === 1, "the link is cut");
    const warning = harness.log.lines.find(({ level }) => level === "warn");
    expect(warning?.message).toBe("link cut: the peer broke the protocol");
    expect(JSON.stringify(warning?.fields)).toContain("announced a frame of 1001 bytes");
  });

  test("an exception in a handler is logged and the link stays", async () => {
    let calls = 0;
    const node = await harness.start({
      handlers: {
        onFrame: () => {
          calls++;
          throw new Error("a bug above");
        },
      },
    });
    const peer = await harness.start();
    await peer.transport.dial(node.address, 5000);
    for (let index = 0; index < 3; index++) {
      peer.transport.send(node.id, Channel.raft, Buffer.from("x"));
    }
    await harness.until(() => calls === 3, "all frames are delivered");
    expect(node.counters.get("transport_handler_errors")).toBe(3);
    expect(node.transport.links()).toEqual([peer.id]);
  });

  test("a node that was started anew replaces its former link", async () => {
    const identity = generateIdentity();
    const node = await harness.start();
    const before = await harness.start({ incarnation: 1 }, { identity });
    const after = await harness.start({ incarnation: 2 }, { identity });
    await before.transport.dial(node.address, 5000);
    await after.transport.dial(node.address, 5000);
    await harness.until(() => node.ups().length === 2, "the new link is up");
    expect(node.links.map((event) => event.type)).toEqual(["up", "down", "up"]);
    after.transport.send(node.id, Channel.raft, Buffer.from("new"));
    await harness.until(() => node.frames.length === 1, "frames flow on the new link");
  });

  test("a killed process is noticed long before any timeout", async () => {
    const node = await harness.start();
    const victim = await harness.startVictim();
    await node.transport.dial(victim.address, 5000);
    const killedMs = performance.now();
    victim.kill();
    await harness.until(() => node.downs().length === 1, "the link is down");
    expect(performance.now() - killedMs).toBeLessThan(1000);
  });

  test("a taken port is an error when it was asked for, and the next free one otherwise", async () => {
    const first = await harness.start();
    const { port } = first.transport;
    const fixed = harness.start({}, { port, isPortFixed: true });
    await expect(fixed).rejects.toMatchObject({ code: "port-taken" });
    const moved = await harness.start({}, { port });
    expect(moved.transport.port).toBeGreaterThan(port);
    await moved.transport.dial(first.address, 5000);
  });

  test("listening everywhere offers loopback last, and mDNS that fails is not fatal", async () => {
    const node = await harness.start({}, { host: "0.0.0.0", isMdnsEnabled: true });
    const peer = await harness.start({}, { host: "::", isMdnsEnabled: true });
    expect(node.transport.addresses().at(-1)).toBe(`127.0.0.1:${node.transport.port}`);
    for (const address of node.transport.addresses()) {
      expect((await peer.transport.dial(address, 5000)).nodeId).toBe(node.id);
    }
    expect(peer.ups()).toEqual([node.id]);
    const mdnsLines = harness.log.lines.filter(({ message }) => message.startsWith("mDNS"));
    expect(mdnsLines.length).toBeLessThanOrEqual(2);
  });

  test("a host name is resolved, one that does not exist is unreachable", async () => {
    const node = await harness.start();
    const peer = await harness.start();
    await peer.transport.dial(`localhost:${node.transport.port}`, 5000);
    const dial = peer.transport.dial("does-not-exist.invalid:7001", 5000);
    await expect(dial).rejects.toMatchObject({ code: "unreachable" });
    await expect(peer.transport.dial("nonsense", 5000)).rejects.toMatchObject({
      code: "unreachable",
    });
  });
});
