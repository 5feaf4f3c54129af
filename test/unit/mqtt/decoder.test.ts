import { describe, expect, it } from "vitest";
import { Cursor } from "../../../src/mqtt/cursor.ts";
import { PacketDecoder } from "../../../src/mqtt/decoder.ts";
import type { InboundPacket } from "../../../src/mqtt/packets.ts";
import { ownPacket } from "../../../src/mqtt/received-publish.ts";
import {
  bytes,
  connectBytes,
  cut,
  decode,
  frame,
  inOurShape,
  reference,
} from "../../support/mqtt-wire.ts";

function hexOf(text: string): string {
  return Buffer.from(text).toString("hex");
}

describe("the stream", () => {
  const publish = reference(
    { cmd: "publish", topic: "a/b", payload: "hello", qos: 1, messageId: 3 },
    4,
  );
  const three = Buffer.concat([publish, bytes("c000"), publish]);

  it("is cut into the same packets wherever the chunks end", () => {
    const whole = decode(4, [three]).packets;
    expect(whole.map((packet) => packet.cmd)).toEqual(["publish", "pingreq", "publish"]);
    for (let first = 0; first <= three.length; first += 1) {
      for (let second = first; second <= three.length; second += 1) {
        expect(decode(4, cut(three, [first, second])).packets).toEqual(whole);
      }
    }
  });

  it("holds no more than the incomplete packet", () => {
    const { decoder } = decode(4, [three.subarray(0, three.length - 1)]);
    expect(decoder.heldSizeBytes).toBe(publish.length - 1);
    decoder.push(three.subarray(three.length - 1));
    expect(decoder.heldSizeBytes).toBe(0);
  });

  it("refuses a packet above the maximum as soon as its length is known", () => {
    expect(decode(4, [bytes("30 e807")], 1002)).toMatchObject({ reasonCode: 0x95 });
    expect(decode(4, [bytes("30 e707")], 1002)).toMatchObject({ reasonCode: null });
    expect(decode(4, [bytes("30"), bytes("e8"), bytes("07")], 1002).reasonCode).toBe(0x95);
  });

  it("refuses a wrong first packet by its first byte", () => {
    expect(decode(null, [bytes("30")]).reasonCode).toBe(0x82);
  });

  it("stops in the middle of a chunk", () => {
    const seen: string[] = [];
    const packetReceived = (packet: InboundPacket) => {
      seen.push(packet.cmd);
      if (packet.cmd === "pingreq") decoder.stop();
    };
    const decoder: PacketDecoder = new PacketDecoder({ packetReceived }, 1000);
    decoder.push(Buffer.concat([connectBytes(4), three]));
    decoder.push(three);
    expect(seen).toEqual(["connect", "publish", "pingreq"]);
  });

  it("is cut by decoders that share a cursor, one while another hands a packet on", () => {
    const cursor = new Cursor();
    const [outer, inner]: InboundPacket[][] = [[], []];
    const second = new PacketDecoder(
      { packetReceived: (packet) => void inner!.push(ownPacket(packet)) },
      1000,
      cursor,
    );
    const packetReceived = (packet: InboundPacket) => {
      outer!.push(ownPacket(packet));
      second.push(outer!.length === 1 ? connectBytes(4) : publish);
    };
    const first = new PacketDecoder({ packetReceived }, 1000, cursor);
    first.push(Buffer.concat([connectBytes(4), three]));
    const [one] = decode(4, [publish]).packets;
    expect(outer!.slice(1)).toEqual(decode(4, [three]).packets);
    expect(inner!.slice(1)).toEqual([one, one, one]);
  });

  it("ends with the first error; what came before was handed on", () => {
    const { packets, decoder, reasonCode } = decode(4, [
      Buffer.concat([publish, bytes("0000"), publish]),
    ]);
    expect(packets).toHaveLength(1);
    expect(reasonCode).toBe(0x81);
    decoder.push(publish);
    expect(packets).toHaveLength(1);
  });

  it("knows the version of a CONNECT whose rest is refused", () => {
    const { decoder } = decode(null, [frame(0x10, bytes("0004 4d515454 05 03 0000 00 0000"))]);
    expect(decoder.protocolVersion).toBe(5);
    expect(decode(null, [frame(0x10, bytes("0004 4d515454 09"))]).decoder.protocolVersion).toBe(4);
  });

  it("payloads are views, what a CONNECT carries is not", () => {
    const chunk = Buffer.concat([connectWithWill(), publish]);
    const { packets } = decode(null, [chunk]);
    chunk.fill(0);
    expect(packets[0]).toMatchObject({ will: { payload: Buffer.from("gone") } });
    expect(packets[1]).toMatchObject({ payload: Buffer.alloc(5) });
  });
});

function connectWithWill(): Buffer {
  const will = { topic: "w", payload: "gone", qos: 1, retain: true };
  return reference({ cmd: "connect", protocolVersion: 4, clientId: "c", will }, 4);
}

describe("CONNECT", () => {
  it("in 3.1 and 3.1.1", () => {
    expect(decode(null, [connectBytes(3)]).packets[0]).toEqual({
      cmd: "connect",
      protocolId: "MQIsdp",
      protocolVersion: 3,
      clean: true,
      clientId: "c",
      keepalive: 0,
    });
    expect(decode(null, [connectBytes(4)]).packets[0]).toMatchObject({ clientId: "", clean: true });
  });

  it("in MQTT 5 with all that it may carry", () => {
    const properties = {
      sessionExpiryInterval: 1,
      receiveMaximum: 2,
      maximumPacketSize: 3,
      topicAliasMaximum: 4,
      requestResponseInformation: true,
      requestProblemInformation: false,
      userProperties: { a: ["", "b"], __proto__x: "c" },
      authenticationMethod: "m",
      authenticationData: Buffer.from([1, 0]),
    };
    const willProperties = {
      willDelayInterval: 5,
      responseTopic: "r",
      payloadFormatIndicator: true,
    };
    const packet = {
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 5,
      clean: false,
      clientId: "ä",
      keepalive: 60,
      username: "u",
      password: Buffer.from("p"),
      properties,
      will: {
        topic: "t",
        payload: Buffer.alloc(0),
        qos: 2,
        retain: false,
        properties: willProperties,
      },
    };
    expect(decode(null, [reference(packet, 5)]).packets[0]).toEqual(inOurShape(packet));
  });

  it("a password without a user name is fine in MQTT 5", () => {
    const body = bytes("0004 4d515454 05 42 0000 00 0000 0001 70");
    const [packet] = decode(null, [frame(0x10, body)]).packets;
    expect(packet).toMatchObject({ password: Buffer.from("p") });
    expect(packet).not.toHaveProperty("username");
  });
});

describe("other packets", () => {
  it("SUBSCRIBE and UNSUBSCRIBE", () => {
    const properties = { subscriptionIdentifier: 268_435_455, userProperties: { k: "v" } };
    const subscriptions = [{ topic: "a/#", qos: 2, nl: true, rap: true, rh: 2 }];
    const subscribe = { cmd: "subscribe", messageId: 7, subscriptions, properties };
    expect(decode(5, [reference(subscribe, 5)]).packets).toEqual([inOurShape(subscribe)]);
    const unsubscribe = { cmd: "unsubscribe", messageId: 8, unsubscriptions: ["a", "b/+"] };
    expect(decode(5, [reference(unsubscribe, 5)]).packets).toEqual([unsubscribe]);
    expect(decode(4, [frame(0x82, bytes("0001 0001 61 01"))]).packets).toEqual([
      {
        cmd: "subscribe",
        messageId: 1,
        subscriptions: [{ topic: "a", qos: 1, nl: false, rap: false, rh: 0 }],
      },
    ]);
  });

  it("the retries of a 3.1 client are marked with DUP", () => {
    const retries = [frame(0x8a, bytes("0001 0001 61 01")), frame(0x6a, bytes("0002"))];
    expect(decode(3, retries).packets.map((packet) => packet.cmd)).toEqual(["subscribe", "pubrel"]);
    expect(decode(4, retries).reasonCode).toBe(0x81);
  });

  it("acknowledgements and DISCONNECT in each of their lengths", () => {
    const packets = [
      "40 02 0001",
      "40 03 0001 10",
      "40 04 0001 10 00",
      "e0 00",
      "e0 01 04",
      "e0 02 04 00",
      "f0 00",
    ];
    expect(decode(5, packets.map(bytes)).packets).toEqual([
      { cmd: "puback", messageId: 1, reasonCode: 0 },
      { cmd: "puback", messageId: 1, reasonCode: 0x10 },
      { cmd: "puback", messageId: 1, reasonCode: 0x10 },
      { cmd: "disconnect", reasonCode: 0 },
      { cmd: "disconnect", reasonCode: 4 },
      { cmd: "disconnect", reasonCode: 4 },
      { cmd: "auth", reasonCode: 0 },
    ]);
  });

  it("an alias stands for an absent topic", () => {
    const [packet] = decode(5, [frame(0x30, bytes("0000 03 230001 78"))]).packets;
    expect(packet).toMatchObject({ topic: "", properties: { topicAlias: 1 } });
  });

  it("a byte order mark is kept [MQTT-1.5.4-3]", () => {
    const [packet] = decode(4, [frame(0x30, bytes("0004 efbbbf61"))]).packets;
    expect(packet).toMatchObject({ topic: "\ufeffa" });
  });

  it("user properties may bear any name", () => {
    const pair = "26 0009 5f5f70726f746f5f5f 0001 78";
    const [packet] = decode(5, [frame(0x30, bytes(`0001 61 0f ${pair}`))]).packets;
    const properties = packet?.cmd === "publish" ? packet.properties?.userProperties : undefined;
    expect(properties).toEqual([["__proto__", "x"]]);
  });

  it("user properties keep their order, whatever their names [MQTT-3.3.2-18]", () => {
    const pair = (name: string, value: string) => `26 0001 ${hexOf(name)} 0001 ${hexOf(value)}`;
    const pairs = [pair("b", "1"), pair("2", "2"), pair("1", "3"), pair("b", "4")].join(" ");
    const [packet] = decode(5, [frame(0x30, bytes(`0001 61 1c ${pairs}`))]).packets;
    const properties = packet?.cmd === "publish" ? packet.properties?.userProperties : undefined;
    expect(properties).toEqual([
      ["b", "1"],
      ["2", "2"],
      ["1", "3"],
      ["b", "4"],
    ]);
  });
});
