import { describe, expect, it } from "vitest";
import type { SubscribePacket } from "../../../src/mqtt/packets.ts";
import { Session } from "../../../src/session/session.ts";
import {
  connected,
  connectPacket,
  LIMITS,
  RecordedEffects,
} from "../../support/recorded-session.ts";

function subscribe(messageId: number, topics: string[], more: { nl?: boolean } = {}) {
  const packet: SubscribePacket = {
    cmd: "subscribe",
    messageId,
    subscriptions: topics.map((topic) => ({
      topic,
      qos: 1,
      nl: false,
      rap: false,
      rh: 0,
      ...more,
    })),
  };
  return packet;
}

describe("SUBSCRIBE and UNSUBSCRIBE", () => {
  it("are answered by token, in any order", () => {
    const { session, effects } = connected();
    session.receive({ ...subscribe(1, ["a"]), properties: { subscriptionIdentifier: 9 } }, 0);
    session.receive(subscribe(2, ["b", "c"]), 0);
    session.receive({ cmd: "unsubscribe", messageId: 3, unsubscriptions: ["d"] }, 0);
    session.unsubscribed(3, [0x11]);
    session.subscribed(2, [1, 0x87]);
    session.subscribed(1, [0]);
    session.subscribed(1, [0]);
    expect(effects.take()).toEqual([
      "subscribe token=1 a as 9",
      "subscribe token=2 b c",
      "unsubscribe token=3 d",
      "send unsuback id=3 [11]",
      "send suback id=2 [01 87]",
      "send suback id=1 [00]",
    ]);
  });

  it("misshapen filters are refused without the broker [MQTT-4.7.1-1] [MQTT-4.8.2-2]", () => {
    const { session, effects } = connected();
    session.receive(subscribe(1, ["a/#/b", "ok", "$share/g"]), 0);
    session.subscribed(1, [2]);
    session.receive(subscribe(2, [""]), 0);
    session.receive({ cmd: "unsubscribe", messageId: 3, unsubscriptions: ["a+"] }, 0);
    expect(effects.take()).toEqual([
      "subscribe token=1 ok",
      "send suback id=1 [8f 02 8f]",
      "send suback id=2 [8f]",
      "send unsuback id=3 [8f]",
    ]);
  });

  it("No Local on a shared subscription is a protocol error [MQTT-3.8.3-4]", () => {
    const { session, effects } = connected();
    session.receive(subscribe(1, ["$share/g/a"], { nl: true }), 0);
    expect(effects.closedWith).toBe(0x82);
  });

  it("a packet identifier that waits for its answer cannot be used again", () => {
    const { session, effects } = connected();
    session.receive(subscribe(1, ["a"]), 0);
    session.receive(subscribe(1, ["b"]), 0);
    expect(effects.take().at(-1)).toBe("send suback id=1 [91]");
  });

  it("answers that come after the connection are dropped", () => {
    const { session, effects } = connected();
    session.receive(subscribe(1, ["a"]), 0);
    session.detach(0);
    effects.take();
    session.subscribed(1, [0]);
    expect(effects.take()).toEqual([]);
  });
});

describe("a connection", () => {
  it("PINGREQ is answered [MQTT-3.12.4-1]", () => {
    const { session, effects } = connected();
    session.receive({ cmd: "pingreq" }, 0);
    expect(effects.take()).toEqual(["send pingresp"]);
  });

  it.each([
    [0x00, false],
    [0x04, true],
    [0x81, true],
  ])("DISCONNECT with reason code %i: will wanted %s [MQTT-3.14.4-3]", (reasonCode, isWanted) => {
    const { session, effects } = connected();
    session.receive({ cmd: "disconnect", reasonCode }, 0);
    expect(effects.take()).toEqual(["close 0x00: the client disconnected"]);
    session.detach(0);
    expect(session.isWillWanted).toBe(isWanted);
  });

  it("DISCONNECT may change the expiry, but not lengthen 0", () => {
    const lasting = connected(5, { sessionExpiryInterval: 5 });
    const properties = { sessionExpiryInterval: 100 };
    lasting.session.receive({ cmd: "disconnect", reasonCode: 0, properties }, 0);
    expect(lasting.session.sessionExpirySeconds).toBe(100);
    const brief = connected(5);
    brief.session.receive({ cmd: "disconnect", reasonCode: 0, properties }, 0);
    expect(brief.effects.closedWith).toBe(0x82);
    expect(brief.session).toMatchObject({ sessionExpirySeconds: 0, isWillWanted: true });
  });

  it.each([
    [{ cmd: "auth", reasonCode: 0x18 } as const, "AUTH without a method"],
    [connectPacket(5), "a second CONNECT [MQTT-3.1.0-2]"],
  ])("%o is a protocol error: %s", (packet, _claim) => {
    const { session, effects } = connected();
    session.receive(packet, 0);
    expect(effects.closedWith).toBe(0x82);
    expect(effects.packets[0]).toMatchObject({ cmd: "disconnect", reasonCode: 0x82 });
  });

  it("the server's disconnect says why in MQTT 5 and just closes in 3.1.1", () => {
    const modern = connected(5);
    modern.session.disconnect(0x8e, "taken over");
    modern.session.disconnect(0x8e, "taken over");
    expect(modern.effects.take()).toEqual(["send disconnect 0x8e", "close 0x8e: taken over"]);
    expect(modern.effects.packets[0]).toMatchObject({ properties: { reasonString: "taken over" } });
    const older = connected(4);
    older.session.disconnect(0x8e, "");
    expect(older.effects.take()).toEqual(["close 0x8e"]);
  });

  it("the reason string is left out where it would exceed the client's maximum [MQTT-3.14.2-3]", () => {
    const { session, effects } = connected(5, { maximumPacketSize: 12 });
    session.disconnect(0x8e, "taken over");
    expect(effects.packets[0]).toEqual({ cmd: "disconnect", reasonCode: 0x8e });
  });

  it.each([
    [4, true, undefined, 0],
    [4, false, undefined, 0xffff_ffff],
    [3, false, undefined, 0xffff_ffff],
    [5, true, undefined, 0],
    [5, false, 30, 30],
  ] as const)(
    "version %i, clean %s, interval %s: expires after %i s",
    (version, clean, seconds, expected) => {
      const session = new Session("c1", LIMITS);
      const properties = seconds === undefined ? undefined : { sessionExpiryInterval: seconds };
      const connect = { ...connectPacket(version, properties), clean };
      session.attach(connect, new RecordedEffects(), 0);
      expect(session.sessionExpirySeconds).toBe(expected);
    },
  );

  it("packets after the end are ignored", () => {
    const { session, effects } = connected();
    session.disconnect(0x98, "");
    effects.take();
    session.receive({ cmd: "pingreq" }, 0);
    expect(effects.take()).toEqual([]);
  });

  it("an error of the broker is not taken for one of the client", () => {
    const { session, effects } = connected();
    effects.subscribe = () => {
      throw new Error("broken");
    };
    expect(() => session.receive(subscribe(1, ["a"]), 0)).toThrow("broken");
  });
});
