import { describe, expect, it } from "vitest";
import { ack, connected, publishPacket, reconnect } from "../../support/recorded-session.ts";

describe("a client publishes", () => {
  it("at QoS 0: one effect, no acknowledgement", () => {
    const { session, effects } = connected();
    session.receive(publishPacket("a", 0), 7);
    expect(effects.take()).toEqual(["accept a token=0"]);
    expect(effects.published[0]?.message).toMatchObject({
      receivedAtMs: 7,
      publisherId: "c1",
      version: 0,
      properties: null,
    });
  });

  it("at QoS 1: PUBACK only after the broker settled it", () => {
    const { session, effects } = connected();
    session.receive(publishPacket("a", 1, 9), 0);
    expect(effects.take()).toEqual(["accept a token=1"]);
    session.publishSettled(1, 0x10);
    expect(effects.take()).toEqual(["send puback id=9 0x10"]);
    session.publishSettled(1, 0);
    expect(effects.take()).toEqual([]);
  });

  it("acknowledgements leave in the order of the PUBLISHes, across QoS [MQTT-4.6.0-2] [MQTT-4.6.0-3]", () => {
    const { session, effects } = connected();
    session.receive(publishPacket("a", 1, 1), 0);
    session.receive(publishPacket("b", 2, 2), 0);
    session.receive(publishPacket("c", 1, 3), 0);
    effects.take();
    session.publishSettled(3, 0);
    session.publishSettled(2, 0);
    expect(effects.take()).toEqual([]);
    session.publishSettled(1, 0);
    expect(effects.take()).toEqual([
      "send puback id=1 0x00",
      "send pubrec id=2 0x00",
      "send puback id=3 0x00",
    ]);
  });

  it("at QoS 2: published once, however often it is repeated before PUBREL [MQTT-4.3.3-10]", () => {
    const { session, effects } = connected();
    session.receive(publishPacket("a", 2, 5), 0);
    session.receive(publishPacket("a", 2, 5, { dup: true }), 0);
    session.publishSettled(1, 0);
    session.receive(publishPacket("a", 2, 5, { dup: true }), 0);
    expect(effects.take()).toEqual([
      "accept a token=1",
      "send pubrec id=5 0x00",
      "send pubrec id=5 0x00",
    ]);
    session.receive(ack("pubrel", 5), 0);
    session.receive(publishPacket("a", 2, 5), 0);
    expect(effects.take()).toEqual(["send pubcomp id=5 0x00", "accept a token=3"]);
  });

  it("at QoS 2: a PUBREC with an error ends the exchange [MQTT-4.3.3-9]", () => {
    const { session, effects } = connected();
    session.receive(publishPacket("a", 2, 5), 0);
    session.publishSettled(1, 0x87);
    session.receive(publishPacket("a", 2, 5), 0);
    expect(effects.take()).toEqual([
      "accept a token=1",
      "send pubrec id=5 0x87",
      "accept a token=2",
    ]);
  });

  it("PUBREL for an unknown identifier is answered 0x92", () => {
    const { session, effects } = connected();
    session.receive(ack("pubrel", 77), 0);
    expect(effects.take()).toEqual(["send pubcomp id=77 0x92"]);
  });

  it("PUBREL before PUBREC is a protocol error", () => {
    const { session, effects } = connected();
    session.receive(publishPacket("a", 2, 5), 0);
    session.receive(ack("pubrel", 5), 0);
    expect(effects.closedWith).toBe(0x82);
  });

  it("a code that PUBACK must not carry becomes 0x83 [MQTT-3.4.2-1]", () => {
    const { session, effects } = connected();
    session.receive(publishPacket("a", 1, 9), 0);
    session.publishSettled(1, 0x88);
    expect(effects.take()).toContain("send puback id=9 0x83");
  });

  it("in 3.1.1 a refusal closes the connection [MQTT-3.3.5-2]", () => {
    const { session, effects } = connected(4);
    session.receive(publishPacket("a", 1, 1), 0);
    session.receive(publishPacket("a", 1, 2), 0);
    session.publishSettled(2, 0x87);
    expect(effects.take().at(-1)).toBe("close 0x87: Not authorized");
    expect(session.isConnected).toBe(false);
    session.publishSettled(1, 0);
    expect(effects.take()).toEqual([]);
  });

  it("beyond our Receive Maximum the connection ends with 0x93 [MQTT-3.3.4-7]", () => {
    const { session, effects } = connected(5, undefined, { receiveMaximum: 2 });
    session.receive(publishPacket("a", 1, 1), 0);
    session.receive(publishPacket("a", 2, 2), 0);
    session.publishSettled(1, 0);
    session.receive(publishPacket("a", 1, 3), 0);
    expect(effects.closedWith).toBe(null);
    session.receive(publishPacket("a", 1, 4), 0);
    expect(effects.closedWith).toBe(0x93);
    expect(effects.take().slice(-2)[0]).toBe("send disconnect 0x93");
  });

  it("3.1.1 knows no Receive Maximum", () => {
    const { session, effects } = connected(4, undefined, { receiveMaximum: 2 });
    for (let id = 1; id <= 200; id += 1) session.receive(publishPacket("a", 1, id), 0);
    for (let token = 200; token >= 1; token -= 1) session.publishSettled(token, 0);
    const acks = effects.packets.map((packet) => ("messageId" in packet ? packet.messageId : 0));
    expect(acks).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  });
});

describe("a client comes back amid QoS 2", () => {
  it("after PUBREC: the repeated PUBLISH is acknowledged, not published", () => {
    const { session } = connected();
    session.receive(publishPacket("a", 2, 5), 0);
    session.publishSettled(1, 0);
    session.detach(0);
    const effects = reconnect(session);
    session.receive(publishPacket("a", 2, 5, { dup: true }), 0);
    session.receive(ack("pubrel", 5), 0);
    expect(effects.take()).toEqual(["send pubrec id=5 0x00", "send pubcomp id=5 0x00"]);
  });

  it("before it was settled: the repeated PUBLISH waits for the first one's outcome", () => {
    const { session } = connected();
    session.receive(publishPacket("a", 2, 5), 0);
    session.detach(0);
    const effects = reconnect(session);
    session.receive(publishPacket("a", 2, 5, { dup: true }), 0);
    session.receive(publishPacket("b", 1, 6), 0);
    expect(effects.take()).toEqual(["accept b token=3"]);
    session.publishSettled(1, 0);
    session.publishSettled(3, 0);
    expect(effects.take()).toEqual(["send pubrec id=5 0x00", "send puback id=6 0x00"]);
  });

  it("settled while away: the identifier is remembered as received", () => {
    const { session } = connected();
    session.receive(publishPacket("a", 2, 5), 0);
    session.detach(0);
    expect(session.receivedQos2).toEqual([]);
    session.publishSettled(1, 0);
    expect(session.receivedQos2).toEqual([5]);
    const effects = reconnect(session);
    session.receive(publishPacket("a", 2, 5, { dup: true }), 0);
    expect(effects.take()).toEqual(["send pubrec id=5 0x00"]);
  });

  it("settled, but its PUBREC still behind another: received all the same", () => {
    const { session } = connected();
    session.receive(publishPacket("a", 1, 4), 0);
    session.receive(publishPacket("b", 2, 5), 0);
    session.publishSettled(2, 0);
    expect(session.receivedQos2).toEqual([5]);
    session.detach(0);
    const effects = reconnect(session);
    session.receive(publishPacket("b", 2, 5, { dup: true }), 0);
    expect(effects.take()).toEqual(["send pubrec id=5 0x00"]);
  });

  it("refused while away: the next PUBLISH with that identifier is a new one", () => {
    const { session } = connected();
    session.receive(publishPacket("a", 2, 5), 0);
    session.detach(0);
    session.publishSettled(1, 0x87);
    const effects = reconnect(session);
    session.receive(publishPacket("a", 2, 5, { dup: true }), 0);
    expect(effects.take()).toEqual(["accept a token=2"]);
  });

  it("QoS 1 settled for an earlier connection says nothing on this one", () => {
    const { session } = connected();
    session.receive(publishPacket("a", 1, 5), 0);
    session.detach(0);
    const effects = reconnect(session);
    session.publishSettled(1, 0);
    expect(effects.take()).toEqual([]);
  });
});

describe("topic aliases from the client", () => {
  it("are assigned, replaced and resolved, and never reach the message", () => {
    const { session, effects } = connected();
    const properties = { topicAlias: 2 };
    session.receive(publishPacket("a", 0, 0, { properties }), 0);
    session.receive(publishPacket("", 0, 0, { properties }), 0);
    session.receive(
      publishPacket("b", 0, 0, { properties: { topicAlias: 2, contentType: "t" } }),
      0,
    );
    session.receive(publishPacket("", 0, 0, { properties }), 0);
    expect(effects.published.map(({ message }) => message.topic)).toEqual(["a", "a", "b", "b"]);
    expect(effects.published.map(({ message }) => message.properties)).toEqual([
      null,
      null,
      { contentType: "t" },
      null,
    ]);
  });

  it.each([
    [5, 0x94, "above our maximum [MQTT-3.3.2-9]"],
    [3, 0x82, "never assigned"],
  ])("alias %i ends with reason code %i: %s", (topicAlias, reasonCode, _claim) => {
    const { session, effects } = connected();
    session.receive(publishPacket("", 0, 0, { properties: { topicAlias } }), 0);
    expect(effects.closedWith).toBe(reasonCode);
  });

  it("end with the connection [MQTT-3.3.2-7]", () => {
    const { session } = connected();
    session.receive(publishPacket("a", 0, 0, { properties: { topicAlias: 1 } }), 0);
    session.detach(0);
    const effects = reconnect(session);
    session.receive(publishPacket("", 0, 0, { properties: { topicAlias: 1 } }), 0);
    expect(effects.closedWith).toBe(0x82);
  });
});
