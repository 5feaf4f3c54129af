import { generate } from "mqtt-packet";
import { describe, expect, test, vi } from "vitest";
import type { Channel } from "../../../src/broker/channel.ts";
import { defaultBrokerLimits } from "../../../src/broker/limits.ts";
import { ReadMemory } from "../../../src/listeners/read-memory.ts";
import { PacketDecoder } from "../../../src/mqtt/decoder.ts";
import { writePublish } from "../../../src/mqtt/encoder.ts";
import type { ApplicationMessage } from "../../../src/mqtt/message.ts";
import type { PacketSink } from "../../../src/mqtt/packet-sink.ts";
import type { InboundPacket } from "../../../src/mqtt/packets.ts";
import { PassingMessage } from "../../../src/mqtt/passing-message.ts";
import { ReceivedPublish } from "../../../src/mqtt/received-publish.ts";
import { TopicBytes } from "../../../src/mqtt/topic-bytes.ts";
import { BrokerRig, type RigClient } from "../../support/broker-rig.ts";
import { connectBytes, received } from "../../support/mqtt-wire.ts";

const topic = "t";

function packetsOf(
  payloads: readonly string[],
  qosOf = (_at: number): 0 | 1 => 0,
  protocolVersion: 4 | 5 = 5,
): Buffer {
  return Buffer.concat(
    payloads.map((payload, at) => {
      const more = { qos: qosOf(at), messageId: at + 1, retain: qosOf(at) > 0, dup: false };
      return generate({ cmd: "publish", topic, payload, ...more }, { protocolVersion });
    }),
  );
}

const memory = new ReadMemory();

/** As from a socket, whose memory is written into again. */
function readBriefly(client: RigClient, bytes: Buffer): void {
  memory.use(bytes, bytes.length, client.handler!);
  bytes.fill(0xee);
}

/** In one piece, as a client at full speed is read. */
function flood(client: RigClient, payloads: readonly string[]): void {
  readBriefly(client, packetsOf(payloads));
}

describe("a message at QoS 0 stays as it is", () => {
  test("for who looks on and keeps it", async () => {
    const rig = new BrokerRig();
    const node = rig.addNode();
    const kept: ApplicationMessage[] = [];
    node.broker.watchMessages([topic], { username: null }, (message) => kept.push(message));
    const publisher = await rig.connect(node, "publisher");
    flood(publisher, ["a", "b", "c"]);
    expect(kept.map(({ payload }) => String(payload))).toEqual(["a", "b", "c"]);
  });

  test("while a fresh subscription holds it back", async () => {
    const rig = new BrokerRig();
    const node = rig.addNode();
    const publisher = await rig.connect(node, "publisher");
    publisher.publish(topic, "retained", { retain: true, qos: 1, messageId: 9 });
    await rig.settle();
    const subscriber = await rig.connect(node, "subscriber");
    subscriber.heldSizeBytes = 2 * defaultBrokerLimits.congestedSizeBytes;
    subscriber.subscribe(topic);
    await rig.pass(100);
    flood(publisher, ["a", "b"]);
    expect(subscriber.texts()).toEqual([]);
    subscriber.heldSizeBytes = 0;
    subscriber.handler!.drained();
    await rig.pass(100);
    expect(subscriber.texts()).toEqual(["t=retained", "t=a", "t=b"]);
  });

  test("behind one of the same client that waits for the log", async () => {
    const rig = new BrokerRig();
    const node = rig.addNode();
    const subscriber = await rig.connect(node, "subscriber");
    subscriber.subscribe(topic);
    await rig.settle();
    const publisher = await rig.connect(node, "publisher");
    const payloads = ["first", "a", "b", "c"];
    readBriefly(
      publisher,
      packetsOf(payloads, (at) => (at === 0 ? 1 : 0)),
    );
    await rig.settle();
    expect(subscriber.texts()).toEqual(payloads.map((payload) => `${topic}=${payload}`));
  });

  test("and who keeps one that only passed hears of it", () => {
    const message = new PassingMessage("publisher");
    const [packet] = received(5, packetsOf(["a"]));
    message.begin(packet!, 0);
    message.end();
    expect(() => message.payload).toThrow(/kept/);
    expect(() => message.payloadSizeBytes).toThrow(/kept/);
    const sink = { topics: new TopicBytes() } as PacketSink;
    for (const version of [4, 5] as const) {
      expect(() => writePublish(message.outbound, version, sink)).toThrow(/kept/);
    }
  });

  test("and nothing begins to pass before the last one is over", () => {
    const message = new PassingMessage("publisher");
    const [first, second] = received(5, packetsOf(["a", "b"]));
    message.begin(first!, 0);
    expect(() => message.begin(second!, 0)).toThrow(/before the last/);
    expect(String(message.payload)).toBe("a");
  });

  test("and a packet that is kept until all is read does not seem to be empty", () => {
    const kept: ReceivedPublish[] = [];
    const packetReceived = (packet: InboundPacket): void => {
      if (packet instanceof ReceivedPublish) kept.push(packet);
    };
    const decoder = new PacketDecoder({ packetReceived }, 1000);
    decoder.push(connectBytes(5));
    decoder.push(packetsOf(["a"]));
    expect(() => kept[0]!.payload).toThrow(/kept/);
    expect(() => kept[0]!.payloadSizeBytes).toThrow(/kept/);
  });
});

describe("a flood at QoS 0", () => {
  test("goes to its subscribers in the pieces in which it came", async () => {
    const rig = new BrokerRig();
    const node = rig.addNode();
    const written: Buffer[] = [];
    const write = (chunks: readonly Buffer[]): number => written.push(...chunks);
    const subscriber = await rig.connect(node, "subscriber");
    subscriber.subscribe(topic);
    await rig.settle();
    Object.assign(subscriber, { write });
    const publisher = await rig.connect(node, "publisher");
    const large = packetsOf(Array.from({ length: 200 }, (_, at) => `message ${at} of a flood`));
    readBriefly(publisher, Buffer.from(large));
    rig.clock.endTurns();
    expect(written).toHaveLength(1);
    expect(written[0]).toEqual(large);
  });

  test.each([
    ["to a client of another version", 4, {}, 0],
    ["with a topic alias", 5, { topicAliasMaximum: 5 }, 0],
    ["to another node", 5, {}, 1],
  ] as const)("is not copied for anybody %s", async (_, version, properties, at) => {
    const rig = new BrokerRig();
    const nodes = [rig.addNode(), rig.addNode()];
    await rig.settle();
    // The second one is sent what the encoder keeps for several.
    const options = { protocolVersion: 5, properties } as const;
    const subscribers = [
      await rig.connect(nodes[at]!, "one", options),
      await rig.connect(nodes[at]!, "another", options),
    ];
    for (const subscriber of subscribers) subscriber.subscribe(topic);
    await rig.pass(200);
    const publisher = await rig.connect(nodes[0]!, "publisher", { protocolVersion: version });
    const payloads = Array.from({ length: 200 }, (_, of) => `message ${of} of a flood`);
    const asked = [vi.spyOn(memory, "keep"), vi.spyOn(memory, "ownPart")];
    readBriefly(
      publisher,
      packetsOf(payloads, () => 0, version),
    );
    await rig.pass(100);
    for (const { mock } of asked) expect(mock.calls).toHaveLength(0);
    vi.restoreAllMocks();
    const got = subscribers.map(({ inbox }) =>
      inbox.flatMap((packet) => (packet.cmd === "publish" ? [String(packet.payload)] : [])),
    );
    expect(got).toEqual([payloads, payloads]);
  });

  test("is not copied to see whether it comes late, for a client that got retained messages just now", async () => {
    const rig = new BrokerRig();
    const node = rig.addNode();
    const publisher = await rig.connect(node, "publisher");
    publisher.publish("retained/1", "retained", { retain: true, qos: 1, messageId: 9 });
    await rig.settle();
    const subscriber = await rig.connect(node, "subscriber");
    subscriber.subscribe("retained/+");
    subscriber.subscribe(topic, {}, 2);
    await rig.pass(100);
    expect(subscriber.texts()).toEqual(["retained/1=retained"]);
    const asked = [vi.spyOn(memory, "keep"), vi.spyOn(memory, "ownPart")];
    flood(publisher, ["a", "b"]);
    await rig.settle();
    for (const { mock } of asked) expect(mock.calls).toHaveLength(0);
    vi.restoreAllMocks();
    expect(subscriber.texts()).toEqual(["t=a", "t=b"]);
  });

  test.each([
    ["to clients that get what came", 5, {}, 60],
    ["to clients of another version", 4, {}, 150],
    ["with a topic alias", 5, { topicAliasMaximum: 5 }, 150],
  ] as const)(
    "leaves next to nothing to the garbage collector %s",
    async (_, version, properties, sizeBytesMax) => {
      const rig = new BrokerRig();
      const node = rig.addNode();
      const subscriber = await rig.connect(node, "subscriber", { protocolVersion: 5, properties });
      subscriber.subscribe(topic);
      await rig.settle();
      const quiet: Pick<Channel, "write"> = { write: (_, written) => written?.() };
      Object.assign(subscriber, quiet);
      const publisher = await rig.connect(node, "publisher", { protocolVersion: version });
      const each = 400;
      const payloads = Array.from({ length: each }, () => "x".repeat(60));
      const piece = packetsOf(payloads, () => 0, version);
      const send = (pieces: number): void => {
        for (let at = 0; at < pieces; at++) {
          memory.use(piece, piece.length, publisher.handler!);
          rig.clock.endTurns();
        }
      };
      send(1000);
      const buffersBefore = process.memoryUsage().arrayBuffers;
      const leftBehind: number[] = [];
      for (let round = 0; round < 9; round++) {
        const before = process.memoryUsage().heapUsed;
        send(20);
        leftBehind.push((process.memoryUsage().heapUsed - before) / (20 * each));
      }
      leftBehind.sort((a, b) => a - b);
      expect(node.broker.counters.publishSent).toBe(1180 * each);
      // It took 310 bytes of each message when iterators were made to write it, and 380 when packets, messages and views were made for them.
      expect(leftBehind[4]).toBeLessThan(sizeBytesMax);
      // Nor is what was read copied for good.
      expect(process.memoryUsage().arrayBuffers - buffersBefore).toBeLessThan(1_000_000);
    },
  );
});
