import { describe, expect, test } from "vitest";
import { defaultLiveLimits } from "../../../../src/api/live/limits.ts";
import { BrokerError } from "../../../../src/broker/errors.ts";
import { type ApplicationMessage, createMessage } from "../../../../src/mqtt/message.ts";
import { clusterStatus, nodeStatus } from "../../../support/fake-node-port.ts";
import { LiveRig } from "../../../support/live-rig.ts";

function messageOn(topic: string, payload: string | Buffer = "1"): ApplicationMessage {
  return createMessage({
    ...{ topic, payload: Buffer.from(payload), qos: 1, retain: false, properties: null },
    ...{ receivedAtMs: 1_700_000_000_000, publisherId: "robot", version: 0 },
  });
}

const wanted = { subscribe: { messages: ["a/#"] } };

describe("a viewer of messages", () => {
  test("gets them as they come, text as text and bytes as base64", async () => {
    const rig = new LiveRig();
    const { line } = await rig.watch(wanted);
    const [watch] = rig.node.watches;
    expect(watch?.filters).toEqual(["a/#"]);
    watch?.heard(messageOn("a/b", "hello"), false);
    watch?.heard(messageOn("a/c", Buffer.of(0xff, 0)), true);
    rig.clock.advance(100);
    expect(line.sent).toEqual([
      {
        ...{ type: "message", topic: "a/b", payload: "hello", sizeBytes: 5, qos: 1 },
        ...{ retain: false, timeMs: 1_700_000_000_000, publisher: "robot" },
      },
      {
        ...{ type: "message", topic: "a/c", payloadBase64: "/wA=", sizeBytes: 2, qos: 1 },
        ...{ retain: true, timeMs: 1_700_000_000_000, publisher: "robot" },
      },
    ]);
  });

  test("gets what is retained first, and what came meanwhile after it", async () => {
    const rig = new LiveRig();
    const { line, viewer } = rig.open();
    const live = rig.say(viewer, wanted);
    const [watch] = rig.node.watches;
    watch?.retainedMessages.push(messageOn("a/kept"));
    watch?.heard(messageOn("a/live"), false);
    await live;
    expect(line.sent).toMatchObject([
      { topic: "a/kept", retain: true },
      { topic: "a/live", retain: false },
    ]);
  });

  test("is told when more is retained than it gets", async () => {
    const rig = new LiveRig({ retainedPerViewerMax: 2 });
    const { line, viewer } = rig.open();
    const live = rig.say(viewer, wanted);
    rig.node.watches[0]?.retainedMessages.push(...["a/1", "a/2", "a/3"].map((t) => messageOn(t)));
    await live;
    expect(line.sent.map(({ type }) => type)).toEqual(["message", "message", "retained-truncated"]);
  });

  test("that reads too slowly loses the oldest, and is told how many", async () => {
    const rig = new LiveRig({ messagesKeptMax: 3 });
    const { line } = await rig.watch(wanted);
    line.bufferedSizeBytes = defaultLiveLimits.bufferedSizeBytesMax + 1;
    for (let at = 1; at <= 10; at++) rig.node.watches[0]?.heard(messageOn("a", `${at}`), false);
    rig.clock.advance(100);
    expect(line.sent).toEqual([]);
    line.bufferedSizeBytes = 0;
    rig.clock.advance(100);
    expect(line.sent).toMatchObject([
      { type: "dropped", count: 7 },
      { payload: "8" },
      { payload: "9" },
      { payload: "10" },
    ]);
    expect(rig.feeds.counters.get("viewerMessagesDropped")).toBe(7);
  });

  test("is bounded by size, too, and a large payload is cut", async () => {
    const rig = new LiveRig({ messagesKeptSizeBytesMax: 2000, payloadSizeBytesMax: 10 });
    const { line } = await rig.watch(wanted);
    for (let at = 0; at < 10; at++) {
      rig.node.watches[0]?.heard(messageOn("a", "x".repeat(500)), false);
    }
    rig.clock.advance(100);
    const [dropped, first] = line.sent;
    expect(dropped).toEqual({ type: "dropped", count: 8 });
    expect(first).toMatchObject({ payload: "x".repeat(10), isTruncated: true, sizeBytes: 500 });
  });

  test("shares one subscription with all who want the same, which ends with the last of them", async () => {
    const rig = new LiveRig();
    const first = await rig.watch(wanted);
    const second = await rig.watch(wanted);
    expect(rig.node.watches).toHaveLength(1);
    rig.node.watches[0]?.heard(messageOn("a"), false);
    rig.clock.advance(100);
    expect(first.line.packets[0]).toBe(second.line.packets[0]);
    first.line.vanish();
    expect(rig.node.watches[0]?.isClosed).toBe(false);
    await rig.say(second.viewer, { subscribe: {} });
    expect(rig.node.watches[0]?.isClosed).toBe(true);
  });

  test("that asks for what it may not read keeps what it had", async () => {
    const rig = new LiveRig();
    const { line, viewer } = await rig.watch(wanted);
    rig.node.failure = new BrokerError("not-authorized", '"secret" may not be read');
    const refused = rig.say(viewer, { subscribe: { messages: ["secret"], stats: true } });
    await expect(refused).rejects.toThrow("may not be read");
    rig.node.watches[0]?.heard(messageOn("a"), false);
    rig.clock.advance(2000);
    expect(line.sent.map(({ type }) => type)).toEqual(["message"]);
  });
});

describe("a viewer of the cluster", () => {
  test("gets its state every second, and what changed in it", async () => {
    const rig = new LiveRig();
    const { line } = await rig.watch({ subscribe: { cluster: true } });
    expect(line.take()).toMatchObject([{ type: "cluster", status: { leader: "n1" } }]);
    rig.node.status = clusterStatus([
      nodeStatus("n1", { state: "down", role: "follower" }),
      nodeStatus("n2", { role: "leader" }),
    ]);
    rig.clock.advance(1000);
    await rig.settle();
    rig.clock.advance(100);
    const seen = line.take();
    expect(seen.find(({ type }) => type === "cluster")).toMatchObject({ status: { leader: "n2" } });
    const events = seen.filter(({ type }) => type === "cluster-event");
    expect(events.map(({ event, node }) => [event, node])).toEqual([
      ["leader-changed", "n2"],
      ["node-state", "n1"],
      ["node-joined", "n2"],
    ]);
  });

  test("hears why when nobody knows, and later what there is; nobody is asked once it has left", async () => {
    const rig = new LiveRig();
    rig.node.failure = new BrokerError("no-quorum", "not yet");
    const { line } = await rig.watch({ subscribe: { cluster: true } });
    expect(line.take()).toMatchObject([{ type: "error", code: "no-quorum" }]);
    rig.node.failure = null;
    rig.clock.advance(1000);
    await rig.settle();
    expect(line.take()).toMatchObject([{ type: "cluster" }]);
    line.vanish();
    rig.clock.advance(1000);
    expect(rig.clock.nextDueMs()).toBeGreaterThan(20_000);
  });

  test("gets the figures of the node", async () => {
    const rig = new LiveRig();
    const { line } = await rig.watch({ subscribe: { stats: true } });
    expect(line.take()).toEqual([{ type: "stats", messagesIn: 7 }]);
    rig.clock.advance(1000);
    await rig.settle();
    expect(line.take()).toHaveLength(1);
  });
});
