import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ClusterError } from "../../cluster/errors.ts";
import { Channel } from "../../cluster/transport/transport.ts";
import type { TestNode, TransportHarness } from "../support/transport-harness.ts";

/** What every transport promises (`cluster/transport/transport.ts`). */
export function transportContract(name: string, createHarness: () => TransportHarness): void {
  describe(name, () => {
    let harness: TransportHarness;

    beforeEach(() => {
      harness = createHarness();
    });

    afterEach(async () => {
      await harness.stop();
    });

    async function pair(settings = {}): Promise<[TestNode, TestNode]> {
      const left = await harness.start(settings);
      const right = await harness.start(settings);
      await harness.settle(left.transport.dial(right.address, 5000));
      await harness.until(() => right.ups().length === 1, "both ends are linked");
      return [left, right];
    }

    async function failure(promise: Promise<unknown>): Promise<ClusterError> {
      const error = await harness.settle(promise).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(ClusterError);
      return error as ClusterError;
    }

    describe("links", () => {
      test("a dial answers with the peer's hello, and both ends learn of the link once", async () => {
        const left = await harness.start({ name: "left", incarnation: 3 });
        const right = await harness.start({ name: "right", clusterId: "c", incarnation: 7 });
        const hello = await harness.settle(left.transport.dial(right.address, 5000));
        expect(hello).toEqual({
          nodeId: right.id,
          name: "right",
          clusterId: "c",
          incarnation: 7,
          version: "0.1.0",
          addresses: right.transport.addresses(),
        });
        await harness.until(() => right.links.length === 1, "the dialled end hears of it");
        expect(left.links).toEqual([{ type: "up", nodeId: right.id, hello }]);
        expect(right.links[0]).toMatchObject({
          type: "up",
          hello: { name: "left", incarnation: 3 },
        });
        expect(left.transport.links()).toEqual([right.id]);
      });

      test("a second dial answers with the existing link", async () => {
        const [left, right] = await pair();
        const again = await harness.settle(left.transport.dial(right.address, 5000));
        const back = await harness.settle(right.transport.dial(left.address, 5000));
        expect([again.nodeId, back.nodeId]).toEqual([right.id, left.id]);
        await harness.quiesce();
        expect([left.links.length, right.links.length]).toEqual([1, 1]);
      });

      test("simultaneous dials make exactly one link", async () => {
        const left = await harness.start();
        const right = await harness.start();
        const dials = [left, right, left, right].map((node) =>
          node.transport.dial(node === left ? right.address : left.address, 5000),
        );
        await harness.settle(Promise.all(dials));
        await harness.quiesce();
        expect(left.links.map((event) => event.type)).toEqual(["up"]);
        expect(right.links.map((event) => event.type)).toEqual(["up"]);
        left.transport.send(right.id, Channel.raft, Buffer.from("over"));
        right.transport.send(left.id, Channel.raft, Buffer.from("out"));
        await harness.until(() => left.frames.length + right.frames.length === 2, "frames flow");
      });

      test("an address where nobody listens is unreachable", async () => {
        const node = await harness.start();
        const gone = await harness.start();
        const { address } = gone;
        await gone.transport.stop();
        expect(await failure(node.transport.dial(address, 5000))).toMatchObject({
          code: "unreachable",
        });
      });

      test("a node does not link to itself", async () => {
        const node = await harness.start();
        const error = await failure(node.transport.dial(node.address, 5000));
        expect(error.code).toBe("unreachable");
        expect(error.message).toContain("itself");
      });

      test("stop is seen as closed, also by the node that stops", async () => {
        const [left, right] = await pair();
        await harness.settle(left.transport.stop());
        await harness.until(() => right.downs().length === 1, "the peer hears of it");
        expect([left.downs(), right.downs()]).toEqual([["closed"], ["closed"]]);
        expect(right.transport.send(left.id, Channel.raft, new Uint8Array(1))).toBe("down");
      });

      test("disconnect closes one link, which a dial opens again", async () => {
        const [left, right] = await pair();
        await harness.settle(left.transport.disconnect(right.id));
        await harness.until(() => right.downs().length === 1, "the peer hears of it");
        expect(left.transport.links()).toEqual([]);
        await harness.settle(right.transport.dial(left.address, 5000));
        await harness.until(() => left.ups().length === 2, "the link is back");
      });

      test("a killed peer is seen as reset", async () => {
        const node = await harness.start();
        const victim = await harness.startVictim();
        await harness.settle(node.transport.dial(victim.address, 5000));
        victim.kill();
        await harness.until(() => node.downs().length === 1, "the link is down");
        expect(node.downs()).toEqual(["reset"]);
      });
    });

    describe("refusals", () => {
      test("another secret", async () => {
        const left = await harness.start();
        const right = await harness.start({
          secret: Buffer.from("another secret of enough bytes"),
        });
        const error = await failure(left.transport.dial(right.address, 5000));
        expect(error.code).toBe("wrong-secret");
        expect(error.message).toBe(
          `peer ${right.address}: handshake refused, cluster secrets differ`,
        );
        expect([left.links, right.links]).toEqual([[], []]);
      });

      test("another cluster; none yet is no other", async () => {
        const left = await harness.start({ clusterId: "one" });
        const right = await harness.start({ clusterId: "two" });
        const fresh = await harness.start();
        expect((await failure(left.transport.dial(right.address, 5000))).code).toBe(
          "wrong-cluster",
        );
        expect((await failure(right.transport.dial(left.address, 5000))).code).toBe(
          "wrong-cluster",
        );
        await harness.settle(fresh.transport.dial(left.address, 5000));
        expect([left.downs(), right.links]).toEqual([[], []]);
      });

      test("another major version of the protocol, whoever dials", async () => {
        const left = await harness.start();
        const right = await harness.start({ protocolMajor: 2 });
        expect((await failure(left.transport.dial(right.address, 5000))).code).toBe(
          "version-mismatch",
        );
        expect((await failure(right.transport.dial(left.address, 5000))).code).toBe(
          "version-mismatch",
        );
      });
    });

    describe("channels", () => {
      test("keep the order of frames, however many are sent in one turn", async () => {
        const [left, right] = await pair();
        const channels = [Channel.raft, Channel.control, Channel.forward];
        for (let index = 0; index < 3000; index++) {
          const frame = Buffer.alloc((index * 37) % 300, index % 256);
          expect(left.transport.send(right.id, channels[index % 3] as Channel, frame)).toBe(
            "queued",
          );
        }
        await harness.until(() => right.frames.length === 3000, "all frames are there");
        for (const [position, channel] of channels.entries()) {
          const got = right.frames.filter((received) => received.channel === channel);
          expect(got.length).toBe(1000);
          for (const [index, { frame }] of got.entries()) {
            const sent = index * 3 + position;
            const expected = Buffer.alloc((sent * 37) % 300, sent % 256);
            if (!frame.equals(expected)) throw new Error(`frame ${sent} is out of order`);
          }
        }
      });

      test("the sender may use its memory again after send", async () => {
        const [left, right] = await pair();
        const scratch = Buffer.from("first");
        left.transport.send(right.id, Channel.raft, scratch);
        scratch.write("other");
        left.transport.send(right.id, Channel.raft, scratch);
        await harness.until(() => right.frames.length === 2, "both frames are there");
        expect(right.frames.map(({ frame }) => frame.toString())).toEqual(["first", "other"]);
      });

      test("carry frames of many sizes, up to the limit, both ways at once", async () => {
        const [left, right] = await pair();
        const sizes = [0, 1, 65_531, 65_532, 65_533, 200_000, 5_000_000, 16 * 1024 * 1024];
        for (const size of sizes) {
          left.transport.send(right.id, Channel.forward, Buffer.alloc(size, size % 251));
          right.transport.send(left.id, Channel.forward, Buffer.alloc(size, size % 251));
        }
        for (const node of [left, right]) {
          await harness.until(() => node.frames.length === sizes.length, "all frames are there");
          expect(node.frames.map(({ frame }) => frame.length)).toEqual(sizes);
          for (const { frame } of node.frames) {
            if (!frame.equals(Buffer.alloc(frame.length, frame.length % 251)))
              throw new Error("damaged");
          }
        }
      });

      test("a full queue drops the frame and says so; the others arrive", async () => {
        const limits = { raftQueueSizeBytesMax: 10_000 };
        const [left, right] = await pair({ limits });
        const results = Array.from({ length: 30 }, () =>
          left.transport.send(right.id, Channel.raft, Buffer.alloc(1000)),
        );
        const queued = results.filter((result) => result === "queued").length;
        expect(results).toContain("full");
        expect(left.transport.send(right.id, Channel.control, Buffer.alloc(1000))).toBe("queued");
        expect(left.counters.get("transport_frames_dropped_raft_full")).toBe(30 - queued);
        expect(left.transport.stats()[0]?.droppedFrames).toBe(30 - queued);
        await harness.until(() => right.frames.length === queued + 1, "what was queued arrives");
        expect(left.transport.send(right.id, Channel.raft, Buffer.alloc(1000))).toBe("queued");
      });

      test("a frame above the limit is not sent", async () => {
        const [left, right] = await pair({ limits: { frameSizeBytesMax: 1000 } });
        expect(left.transport.send(right.id, Channel.raft, Buffer.alloc(1001))).toBe("full");
        expect(left.counters.get("transport_frames_dropped_too_large")).toBe(1);
      });

      test("what was sent before a stop arrives", async () => {
        const [left, right] = await pair();
        for (let index = 0; index < 100; index++) {
          left.transport.send(right.id, Channel.forward, Buffer.alloc(10_000));
        }
        await harness.settle(left.transport.stop());
        await harness.until(() => right.downs().length === 1, "the link is down");
        expect(right.frames.length).toBe(100);
      });

      test("without a link send says down", async () => {
        const node = await harness.start();
        expect(node.transport.send("0".repeat(32), Channel.raft, new Uint8Array(1))).toBe("down");
      });
    });

    requestContract(() => harness, failure);
    bulkContract(() => harness, failure);

    test("a broadcast reaches all linked nodes", async () => {
      const nodes = [await harness.start(), await harness.start(), await harness.start()];
      const [first, second, third] = nodes as [TestNode, TestNode, TestNode];
      for (const node of [second, third]) {
        await harness.settle(first.transport.dial(node.address, 5000));
      }
      // Best effort: right after the link is up a broadcast may be lost, so it is repeated.
      await harness.until(() => {
        first.transport.broadcast(Buffer.from("news"));
        return second.broadcasts.length > 0 && third.broadcasts.length > 0;
      }, "both have heard it");
      expect(second.broadcasts[0]).toEqual({ from: first.id, payload: Buffer.from("news") });
      expect(first.broadcasts).toEqual([]);
    });
  });
}

type Failure = (promise: Promise<unknown>) => Promise<ClusterError>;

function requestContract(harnessOf: () => TransportHarness, failure: Failure): void {
  describe("requests", () => {
    async function link(onRequest: (kind: string, payload: Uint8Array) => Promise<Uint8Array>) {
      const harness = harnessOf();
      const client = await harness.start();
      const server = await harness.start({
        handlers: { onRequest: (_from, kind, payload) => onRequest(kind, payload) },
      });
      await harness.settle(client.transport.dial(server.address, 5000));
      const ask = (kind: string, payload: Uint8Array, timeoutMs = 5000) =>
        client.transport.request(server.id, kind, payload, timeoutMs);
      return { harness, client, server, ask };
    }

    test("many at once are answered, each with its own answer", async () => {
      const { harness, ask } = await link(async (kind, payload) =>
        Buffer.concat([Buffer.from(kind), payload]),
      );
      const asked = Array.from({ length: 500 }, (_, index) => ask("k", Buffer.from(`${index}`)));
      const answers = await harness.settle(Promise.all(asked));
      expect(answers.map((answer) => Buffer.from(answer).toString())).toEqual(
        answers.map((_, index) => `k${index}`),
      );
    });

    test("a large payload comes back whole", async () => {
      const { harness, ask } = await link(async (_kind, payload) => payload);
      const payload = Buffer.alloc(8 * 1024 * 1024, 7);
      const answer = await harness.settle(ask("echo", payload));
      expect(payload.equals(answer)).toBe(true);
    });

    test("the handler's error comes back as remote-failure", async () => {
      const { ask } = await link(async () => {
        throw new Error("no such thing");
      });
      const error = await failure(ask("k", new Uint8Array(0)));
      expect([error.code, error.message]).toEqual(["remote-failure", "no such thing"]);
    });

    test("no answer in time is a timeout, and harms no other request", async () => {
      const { harness, ask } = await link((kind) =>
        kind === "slow" ? new Promise(() => {}) : Promise.resolve(Buffer.from("ok")),
      );
      expect((await failure(ask("slow", new Uint8Array(0), 50))).code).toBe("timeout");
      expect(Buffer.from(await harness.settle(ask("fast", new Uint8Array(0)))).toString()).toBe(
        "ok",
      );
    });

    test("a lost link fails what is outstanding; without a link a request fails at once", async () => {
      const { harness, server, ask } = await link(() => new Promise(() => {}));
      const asked = failure(ask("k", new Uint8Array(0)));
      await harness.settle(server.transport.stop());
      expect((await asked).code).toBe("link-closed");
      expect((await failure(ask("k", new Uint8Array(0)))).code).toBe("link-closed");
    });

    test("more than the limit at once are refused", async () => {
      const { client, server } = await link(() => new Promise(() => {}));
      const all = Array.from({ length: 1025 }, () =>
        client.transport.request(server.id, "k", new Uint8Array(0), 5000),
      );
      for (const one of all) one.catch(() => {});
      expect((await failure(all[1024] as Promise<unknown>)).code).toBe("queue-full");
      await server.transport.stop();
    });
  });
}

function bulkContract(harnessOf: () => TransportHarness, failure: Failure): void {
  describe("bulk transfers", () => {
    type Handle = (chunks: AsyncIterable<Uint8Array>) => Promise<void>;
    async function link(handle: Handle) {
      const harness = harnessOf();
      const seen: { kind: string; header: string }[] = [];
      const sender = await harness.start();
      const receiver = await harness.start({
        handlers: {
          onBulk: (_from, kind, header, chunks) => {
            seen.push({ kind, header: Buffer.from(header).toString() });
            return handle(chunks);
          },
        },
      });
      await harness.settle(sender.transport.dial(receiver.address, 5000));
      const send = (chunks: AsyncIterable<Uint8Array>) =>
        sender.transport.sendBulk(receiver.id, "snapshot", Buffer.from("head"), chunks);
      return { harness, sender, receiver, send, seen };
    }

    async function* chunksOf(count: number, sizeBytes: number): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < count; index++) yield Buffer.alloc(sizeBytes, index);
    }

    test("arrive whole and in order, and resolve after the handler", async () => {
      const got: number[] = [];
      let isHandled = false;
      const { harness, send, seen } = await link(async (chunks) => {
        for await (const chunk of chunks) {
          expect(chunk.length).toBe(100_000);
          got.push(chunk[0] as number);
        }
        isHandled = true;
      });
      await harness.settle(send(chunksOf(200, 100_000)));
      expect(isHandled).toBe(true);
      expect(got).toEqual(Array.from({ length: 200 }, (_, index) => index));
      expect(seen).toEqual([{ kind: "snapshot", header: "head" }]);
    });

    test("an empty one arrives too", async () => {
      const { harness, send } = await link(async (chunks) => {
        for await (const _chunk of chunks) throw new Error("a chunk from nowhere");
      });
      await harness.settle(send(chunksOf(0, 0)));
    });

    test("the receiver's error stops the sender", async () => {
      const { send } = await link(async (chunks) => {
        for await (const _chunk of chunks) throw new Error("disk full");
      });
      const error = await failure(send(chunksOf(10_000, 100_000)));
      expect([error.code, error.message]).toEqual(["remote-failure", "disk full"]);
    });

    test("the receiver's pace is the sender's", async () => {
      let taken = 0;
      let made = 0;
      let release: () => void = () => {};
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      const { harness, send } = await link(async (chunks) => {
        for await (const _chunk of chunks) if (++taken === 1) await gate;
      });
      async function* source(): AsyncGenerator<Uint8Array> {
        for (made = 0; made < 600; made++) yield Buffer.alloc(100_000);
      }
      const sent = send(source());
      await harness.until(() => taken === 1, "the first chunk is there");
      await harness.quiesce();
      expect(made).toBeLessThan(400);
      release();
      await harness.settle(sent);
      expect(taken).toBe(600);
    });

    test("a source that fails makes the receiver's iteration throw", async () => {
      let received: unknown = null;
      const { harness, send } = await link(async (chunks) => {
        try {
          for await (const _chunk of chunks);
        } catch (error) {
          received = error;
          throw error;
        }
      });
      async function* source(): AsyncGenerator<Uint8Array> {
        yield Buffer.alloc(10);
        throw new ClusterError("storage-failed", "the source broke");
      }
      expect((await failure(send(source()))).code).toBe("storage-failed");
      await harness.until(() => received !== null, "the receiver knows");
      expect(received).toBeInstanceOf(Error);
    });

    test("a lost link cuts both ends", async () => {
      let received: unknown = null;
      let taken = 0;
      const { harness, receiver, send } = await link(async (chunks) => {
        try {
          for await (const _chunk of chunks) taken++;
        } catch (error) {
          received = error;
          throw error;
        }
      });
      async function* endless(): AsyncGenerator<Uint8Array> {
        for (;;) yield Buffer.alloc(10_000);
      }
      const sent = failure(send(endless()));
      await harness.until(() => taken > 2, "the transfer is under way");
      const stopped = receiver.transport.stop();
      expect((await sent).code).toBe("link-closed");
      await harness.settle(stopped);
      await harness.until(() => received !== null, "the receiver knows");
    });
  });
}
