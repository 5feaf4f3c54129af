import { describe, expect, it } from "vitest";
import { Session } from "../../../src/session/session.ts";
import {
  ack,
  at,
  connected,
  LIMITS,
  messageTo,
  reconnect,
} from "../../support/recorded-session.ts";

describe("the broker delivers", () => {
  it("at the lower of both QoS [MQTT-3.8.4-8], identifiers from 1", () => {
    const { session, effects } = connected();
    session.deliver(messageTo("a", 0), at(2), 0);
    session.deliver(messageTo("b", 2), at(1), 0);
    session.deliver(messageTo("c", 2), at(2), 0);
    expect(effects.take()).toEqual([
      "publish a qos=0",
      "publish b qos=1 id=1",
      "publish c qos=2 id=2",
    ]);
  });

  it("QoS 1 ends with PUBACK, QoS 2 with PUBCOMP after PUBREL", () => {
    const { session, effects } = connected();
    session.deliver(messageTo("a", 1), at(1), 0);
    session.deliver(messageTo("b", 2), at(2), 0);
    effects.take();
    session.receive(ack("puback", 1), 0);
    session.receive(ack("pubrec", 2), 0);
    expect(session.inflightCount).toBe(1);
    session.receive(ack("pubcomp", 2), 0);
    expect(effects.take()).toEqual(["send pubrel id=2 0x00"]);
    expect(session.inflightCount).toBe(0);
  });

  it("no more than the client's Receive Maximum, the rest in order as room comes [MQTT-3.3.4-9]", () => {
    const { session, effects } = connected(5, { receiveMaximum: 2 });
    for (const topic of ["a", "b", "c", "d"]) session.deliver(messageTo(topic, 1), at(1), 0);
    expect(effects.take()).toEqual(["publish a qos=1 id=1", "publish b qos=1 id=2"]);
    expect(session.queuedCount).toBe(2);
    session.receive(ack("puback", 2), 0);
    session.receive(ack("puback", 1), 0);
    expect(effects.take()).toEqual(["publish c qos=1 id=3", "publish d qos=1 id=4"]);
  });

  it("a PUBREC with an error frees the window", () => {
    const { session, effects } = connected(5, { receiveMaximum: 1 });
    session.deliver(messageTo("a", 2), at(2), 0);
    session.deliver(messageTo("b", 2), at(2), 0);
    session.receive(ack("pubrec", 1, 0x97), 0);
    expect(effects.take()).toEqual(["publish a qos=2 id=1", "publish b qos=2 id=2"]);
  });

  it("unknown acknowledgements are counted and harmless", () => {
    const { session, effects } = connected();
    session.receive(ack("puback", 9), 0);
    session.receive(ack("pubcomp", 9), 0);
    session.receive(ack("pubrec", 9), 0);
    session.receive(ack("pubrec", 9, 0x92 - 1), 0);
    expect(effects.take()).toEqual(["send pubrel id=9 0x92"]);
    expect(session.unexpectedAckCount).toBe(4);
  });

  it.each([
    ["puback", 2],
    ["pubrec", 1],
    ["pubcomp", 2],
  ] as const)("%s out of place at QoS %i is a protocol error", (cmd, qos) => {
    const { session, effects } = connected();
    session.deliver(messageTo("a", qos), at(qos), 0);
    session.receive(ack(cmd, 1), 0);
    expect(effects.closedWith).toBe(0x82);
  });

  it("to a slow client: QoS 0 is dropped, QoS 1 waits until resume", () => {
    const { session, effects } = connected();
    effects.isSlow = true;
    session.deliver(messageTo("a", 0), at(0), 0);
    session.deliver(messageTo("b", 1), at(1), 0);
    expect(effects.take()).toEqual(["drop a slow-consumer"]);
    effects.isSlow = false;
    session.resume(0);
    expect(effects.take()).toEqual(["publish b qos=1 id=1"]);
  });

  it("the queue is bounded in messages and in bytes; what comes last is dropped", () => {
    const byCount = connected(5, { receiveMaximum: 1 }, { queuedMessagesMax: 1 });
    for (const topic of ["a", "b", "c"]) byCount.session.deliver(messageTo(topic, 1), at(1), 0);
    expect(byCount.effects.take()).toEqual(["publish a qos=1 id=1", "drop c queue-full"]);
    const bySize = connected(5, { receiveMaximum: 1 }, { queuedSizeBytesMax: 300 });
    const payload = Buffer.alloc(150);
    for (const topic of ["a", "b", "c"]) {
      bySize.session.deliver(messageTo(topic, 1, { payload }), at(1), 0);
    }
    expect(bySize.effects.take()).toEqual(["publish a qos=1 id=1", "drop c queue-size"]);
    expect(bySize.session.droppedCount).toBe(1);
  });

  it("where the oldest goes first, the newest that fit are delivered", () => {
    const limits = { queuedMessagesMax: 2, queuedDrop: "oldest" } as const;
    const { session, effects } = connected(5, { receiveMaximum: 1 }, limits);
    for (const topic of ["a", "b", "c", "d"]) session.deliver(messageTo(topic, 1), at(1), 0);
    expect(effects.take()).toEqual(["publish a qos=1 id=1", "drop b queue-full"]);
    session.receive(ack("puback", 1), 0);
    expect(effects.take()).toEqual(["publish c qos=1 id=2"]);
  });

  it("one that is larger than the whole queue drives nothing out of it", () => {
    const limits = { queuedSizeBytesMax: 300, queuedDrop: "oldest" } as const;
    const { session, effects } = connected(5, { receiveMaximum: 1 }, limits);
    session.deliver(messageTo("a", 1), at(1), 0);
    session.deliver(messageTo("b", 1), at(1), 0);
    session.deliver(messageTo("c", 1, { payload: Buffer.alloc(400) }), at(1), 0);
    expect(effects.take()).toEqual(["publish a qos=1 id=1", "drop c queue-size"]);
  });

  it("what has waited too long in the queue is dropped when its turn comes, what is under way is not", () => {
    const limits = { queuedAgeSecondsMax: 10 };
    const { session, effects } = connected(5, { receiveMaximum: 1 }, limits);
    session.deliver(messageTo("a", 1), at(1), 0);
    session.deliver(messageTo("b", 1), at(1), 0);
    session.deliver(messageTo("c", 1), at(1), 5_000);
    effects.take();
    session.receive(ack("puback", 1), 10_001);
    expect(effects.take()).toEqual(["drop b queue-age", "publish c qos=1 id=2"]);
  });

  it("a place that the log has given up is not sent, unless it is under way", () => {
    const session = new Session("c", LIMITS, { subscriptions: [], inboundQos2: [] });
    const effects = reconnect(session, 5, { receiveMaximum: 1 });
    const usual = { qos: 1, retain: false, identifiers: [], isRepeated: false } as const;
    for (const seq of [1, 2, 3]) {
      const message = messageTo(`m${seq}`, 1);
      session.deliverStored({ ...usual, seq, message, isReceived: false }, 0);
    }
    session.storedDiscarded(1);
    session.storedDiscarded(2);
    session.receive(ack("puback", 1), 0);
    expect(effects.take()).toEqual([
      "publish m1 qos=1 id=1",
      "completed seq=1",
      "publish m3 qos=1 id=3",
    ]);
  });

  it("a small payload that waits does not keep the chunk alive that it came in", () => {
    const { session, effects } = connected(5, { receiveMaximum: 1 });
    const payload = Buffer.alloc(65_536).subarray(100, 110);
    session.deliver(messageTo("a", 1), at(1), 0);
    session.deliver(messageTo("b", 1, { payload }), at(1), 0);
    session.receive(ack("puback", 1), 0);
    const queued = effects.publishes[1]?.message.payload;
    expect(queued).toEqual(payload);
    expect(queued?.buffer.byteLength).toBe(10);
  });

  it("a message that expires in the queue is not sent; the interval left is [MQTT-3.3.2-5] [MQTT-3.3.2-6]", () => {
    const { session, effects } = connected(5, { receiveMaximum: 1 });
    const expiring = (topic: string, messageExpiryInterval: number) =>
      messageTo(topic, 1, { properties: { messageExpiryInterval } });
    session.deliver(expiring("a", 10), at(1), 0);
    session.deliver(expiring("b", 5), at(1), 0);
    session.deliver(expiring("c", 20), at(1), 0);
    session.receive(ack("puback", 1), 5001);
    expect(effects.take()).toEqual([
      "publish a qos=1 id=1",
      "drop b expired",
      "publish c qos=1 id=2",
    ]);
    expect(effects.publishes.map((publish) => publish.expirySecondsLeft)).toEqual([10, 15]);
  });

  it("a packet above the client's maximum is dropped and the next one sent [MQTT-3.1.2-24] [MQTT-3.1.2-25]", () => {
    const { session, effects } = connected(5, { maximumPacketSize: 20, receiveMaximum: 1 });
    const payload = Buffer.alloc(30);
    session.deliver(messageTo("a", 1, { payload }), at(1), 0);
    session.deliver(messageTo("b", 1), at(1), 0);
    session.deliver(messageTo("c", 0, { payload }), at(1), 0);
    expect(effects.take()).toEqual([
      "drop a packet-too-large",
      "publish b qos=1 id=2",
      "drop c packet-too-large",
    ]);
    expect(session.inflightCount).toBe(1);
  });

  it("retain flag and subscription identifiers are those of the delivery", () => {
    const { session, effects } = connected();
    session.deliver(messageTo("a", 1), at(1, { retain: true, identifiers: [3, 4] }), 0);
    expect(effects.publishes[0]).toMatchObject({ retain: true, identifiers: [3, 4], dup: false });
  });
});

describe("topic aliases towards the client", () => {
  it("are used up to the lower maximum, the topic omitted from the second time on [MQTT-3.3.2-11]", () => {
    const { session, effects } = connected(5, { topicAliasMaximum: 2 });
    for (const topic of ["a", "b", "c", "a", "b", "c"]) {
      session.deliver(messageTo(topic, 0), at(0), 0);
    }
    const seen = effects.publishes.map(({ topicAlias, isTopicOmitted }) => [
      topicAlias,
      isTopicOmitted,
    ]);
    expect(seen).toEqual([
      [1, false],
      [2, false],
      [0, false],
      [1, true],
      [2, true],
      [0, false],
    ]);
  });

  it("are not assigned by a packet that was too large to send", () => {
    const { session, effects } = connected(5, { topicAliasMaximum: 2, maximumPacketSize: 20 });
    session.deliver(messageTo("a", 0, { payload: Buffer.alloc(40) }), at(0), 0);
    session.deliver(messageTo("a", 0), at(0), 0);
    expect(effects.publishes[0]).toMatchObject({ topicAlias: 1, isTopicOmitted: false });
  });

  it("start anew with each connection", () => {
    const { session } = connected(5, { topicAliasMaximum: 2 });
    session.deliver(messageTo("a", 0), at(0), 0);
    session.detach(0);
    const effects = reconnect(session, 5, { topicAliasMaximum: 2 });
    session.deliver(messageTo("a", 0), at(0), 0);
    expect(effects.publishes[0]).toMatchObject({ topicAlias: 1, isTopicOmitted: false });
  });
});

describe("a client comes back", () => {
  it("gets what was in flight again, in order and with DUP, then the queue [MQTT-4.4.0-1] [MQTT-4.6.0-1]", () => {
    const { session } = connected(5, { receiveMaximum: 4 });
    session.deliver(messageTo("a", 1), at(1), 0);
    session.deliver(messageTo("b", 2), at(2), 0);
    session.deliver(messageTo("c", 2), at(2), 0);
    session.deliver(messageTo("d", 1), at(1), 0);
    session.deliver(messageTo("e", 1), at(1), 0);
    session.receive(ack("pubrec", 3), 0);
    session.receive(ack("pubrec", 2), 0);
    session.detach(0);
    session.deliver(messageTo("f", 1), at(1), 0);
    session.deliver(messageTo("g", 0), at(1), 0);
    const effects = reconnect(session, 5, { receiveMaximum: 6 });
    expect(effects.take()).toEqual([
      "publish a qos=1 id=1 dup",
      "publish d qos=1 id=4 dup",
      "send pubrel id=3 0x00",
      "send pubrel id=2 0x00",
      "publish e qos=1 id=5",
      "publish f qos=1 id=6",
    ]);
  });

  it("with a smaller window: repeats within it, and only what is still open", () => {
    const { session } = connected(5);
    for (const topic of ["a", "b", "c"]) session.deliver(messageTo(topic, 1), at(1), 0);
    session.detach(0);
    session.deliver(messageTo("d", 1), at(1), 0);
    const effects = reconnect(session, 5, { receiveMaximum: 1 });
    expect(effects.take()).toEqual(["publish a qos=1 id=1 dup"]);
    session.receive(ack("puback", 2), 0);
    session.receive(ack("puback", 1), 0);
    expect(effects.take()).toEqual(["publish c qos=1 id=3 dup"]);
    session.receive(ack("puback", 3), 0);
    expect(effects.take()).toEqual(["publish d qos=1 id=4"]);
  });

  it("drops while it is away are reported to its last connection", () => {
    const { session, effects } = connected();
    session.detach(0);
    session.deliver(messageTo("a", 0), at(0), 0);
    expect(effects.take()).toEqual(["drop a not-connected"]);
  });
});
