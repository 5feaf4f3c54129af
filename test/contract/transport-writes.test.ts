import { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Channel } from "../../cluster/transport/transport.ts";
import { Libp2pHarness } from "../support/libp2p-harness.ts";

const frames = 50;
/** Gossip says something now and then. */
const otherWritesMax = 20;

describe("libp2p transport: system calls", () => {
  let harness: Libp2pHarness;

  beforeEach(() => {
    harness = new Libp2pHarness();
  });

  afterEach(async () => {
    vi.restoreAllMocks();
    await harness.stop();
  });

  // Small and large ones: libp2p encrypts them in different ways.
  test.each([100, 2000, 20_000])(
    "a frame of %i bytes is one write, and no answer",
    async (size) => {
      const [one, other] = [await harness.start(), await harness.start()];
      await one.transport.dial(other.address, 5000);
      await harness.quiesce();
      // Both nodes live in this process.
      const write = vi.spyOn(Socket.prototype, "write");
      for (let sent = 1; sent <= frames; sent++) {
        one.transport.send(other.transport.nodeId, Channel.raft, Buffer.alloc(size));
        await harness.until(() => other.frames.length === sent, "the frame arrives");
      }
      expect(write.mock.calls.length).toBeGreaterThanOrEqual(frames);
      // What was read is given back to the sender in pieces of 64 KiB at least, one write each.
      const updates = Math.floor((frames * size) / 65_536);
      expect(write.mock.calls.length).toBeLessThanOrEqual(frames + updates + otherWritesMax);
    },
  );
});
