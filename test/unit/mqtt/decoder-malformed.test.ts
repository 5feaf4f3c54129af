import { describe, expect, it } from "vitest";
import type { ProtocolVersion } from "../../../src/mqtt/packets.ts";
import { bytes, decode, frame } from "../../support/mqtt-wire.ts";

/** Claim, version, packet, expected reason code. */
type Case = readonly [string, ProtocolVersion, Buffer, number];

const MALFORMED = 0x81;
const PROTOCOL_ERROR = 0x82;
const TOPIC_NAME = 0x90;
const TOPIC_ALIAS = 0x94;
const CLIENT_ID = 0x85;
const VERSION = 0x84;

function body(firstByte: number, hex: string): Buffer {
  return frame(firstByte, bytes(hex));
}

const AFTER_CONNECT: readonly Case[] = [
  ["reserved type 0 [MQTT-2.1.3-1]", 5, body(0x00, ""), MALFORMED],
  ["CONNACK from a client", 5, body(0x20, "0000 00"), PROTOCOL_ERROR],
  ["SUBACK from a client", 4, body(0x90, "0001 00"), PROTOCOL_ERROR],
  ["PINGRESP from a client", 4, body(0xd0, ""), PROTOCOL_ERROR],
  ["AUTH in 3.1.1", 4, body(0xf0, ""), PROTOCOL_ERROR],
  ["a second CONNECT [MQTT-3.1.0-2]", 4, body(0x10, "0004 4d515454 04 02 0000 0000"), 0x82],
  ["PINGREQ with flags [MQTT-2.1.3-1]", 5, body(0xc1, ""), MALFORMED],
  ["PINGREQ with a body", 5, body(0xc0, "00"), MALFORMED],
  ["PUBREL without its flags [MQTT-3.6.1-1]", 5, body(0x60, "0001"), MALFORMED],
  ["SUBSCRIBE without its flags [MQTT-3.8.1-1]", 5, body(0x80, "0001 00 0001 61 00"), MALFORMED],
  ["UNSUBSCRIBE without its flags [MQTT-3.10.1-1]", 5, body(0xa0, "0001 00 0001 61"), MALFORMED],
  ["DISCONNECT with flags [MQTT-3.14.1-1]", 5, body(0xe1, ""), MALFORMED],
  ["AUTH with flags [MQTT-3.15.1-1]", 5, body(0xf1, ""), MALFORMED],
  ["a remaining length of five bytes [MQTT-1.5.5-1]", 5, bytes("30 8080808001"), MALFORMED],
  ["a padded remaining length [MQTT-1.5.5-1]", 5, bytes("c0 8000"), MALFORMED],

  ["PUBLISH with QoS 3 [MQTT-3.3.1-4]", 5, body(0x36, "0001 61 0001 00"), MALFORMED],
  ["PUBLISH with DUP at QoS 0 [MQTT-3.3.1-2]", 5, body(0x38, "0001 61 00"), MALFORMED],
  ["PUBLISH with packet identifier 0 [MQTT-2.2.1-3]", 5, body(0x32, "0001 61 0000 00"), 0x82],
  ["PUBLISH shorter than its topic", 4, body(0x30, "0005 61"), MALFORMED],
  ["PUBLISH without a packet identifier", 4, body(0x32, "0001 61 00"), MALFORMED],
  ["PUBLISH without a topic [MQTT-4.7.3-1]", 4, body(0x30, "0000 61"), PROTOCOL_ERROR],
  ["PUBLISH without topic and alias", 5, body(0x30, "0000 00"), PROTOCOL_ERROR],
  ["PUBLISH to + [MQTT-3.3.2-2]", 4, body(0x30, "0003 612f2b"), TOPIC_NAME],
  ["PUBLISH to # [MQTT-3.3.2-2]", 5, body(0x30, "0001 23 00"), TOPIC_NAME],
  ["a null character in the topic [MQTT-4.7.3-2]", 4, body(0x30, "0002 6100"), MALFORMED],
  ["an overlong form in the topic [MQTT-1.5.4-1]", 4, body(0x30, "0002 c0af"), MALFORMED],
  ["a surrogate in the topic [MQTT-1.5.4-1]", 4, body(0x30, "0003 eda080"), MALFORMED],
  ["a lone continuation byte in the topic", 4, body(0x30, "0001 80"), MALFORMED],
  ["topic alias 0 [MQTT-3.3.2-8]", 5, body(0x30, "0001 61 03 230000"), TOPIC_ALIAS],
  ["PUBLISH with a subscription identifier [MQTT-3.3.4-6]", 5, body(0x30, "0001 61 02 0b01"), 0x82],
  ["a response topic with a wildcard [MQTT-3.3.2-14]", 5, body(0x30, "0001 61 04 08000123"), 0x82],
  ["a payload format of 2", 5, body(0x30, "0001 61 02 0102"), PROTOCOL_ERROR],
  ["a property twice", 5, body(0x30, "0001 61 04 0101 0100"), PROTOCOL_ERROR],
  ["a property twice, the first 0", 5, body(0x30, "0001 61 04 0100 0100"), PROTOCOL_ERROR],
  ["a property that does not exist", 5, body(0x30, "0001 61 02 7f00"), MALFORMED],
  ["a property of another packet", 5, body(0x30, "0001 61 05 1100000001"), MALFORMED],
  ["a property beyond the property length", 5, body(0x30, "0001 61 03 0200000001"), MALFORMED],
  ["a property length beyond the packet", 5, body(0x30, "0001 61 09 0101"), MALFORMED],
  ["a user property without a value", 5, body(0x30, "0001 61 04 26000161"), MALFORMED],
  ["ill-formed UTF-8 in a user property", 5, body(0x30, "0001 61 07 260001ff000161"), MALFORMED],

  ["PUBACK without an identifier", 4, body(0x40, "00"), MALFORMED],
  ["PUBACK with identifier 0", 4, body(0x40, "0000"), PROTOCOL_ERROR],
  ["PUBACK with a reason code in 3.1.1", 4, body(0x40, "0001 00"), MALFORMED],
  ["PUBACK with a reason code of another packet [MQTT-3.4.2-1]", 5, body(0x40, "0001 92"), 0x82],
  ["PUBREL with a reason code of another packet [MQTT-3.6.2-1]", 5, body(0x62, "0001 10"), 0x82],
  ["PUBCOMP longer than its content", 5, body(0x70, "0001 00 00 00"), MALFORMED],
  ["PUBREC with a property of another packet", 5, body(0x50, "0001 00 02 0101"), MALFORMED],

  ["SUBSCRIBE without a filter [MQTT-3.8.3-2]", 4, body(0x82, "0001"), PROTOCOL_ERROR],
  ["SUBSCRIBE without options", 4, body(0x82, "0001 0001 61"), MALFORMED],
  ["SUBSCRIBE with identifier 0", 4, body(0x82, "0000 0001 61 00"), PROTOCOL_ERROR],
  ["SUBSCRIBE with QoS 3", 4, body(0x82, "0001 0001 61 03"), PROTOCOL_ERROR],
  ["SUBSCRIBE with options of MQTT 5 in 3.1.1", 4, body(0x82, "0001 0001 61 04"), MALFORMED],
  [
    "SUBSCRIBE with reserved options [MQTT-3.8.3-5]",
    5,
    body(0x82, "0001 00 0001 61 40"),
    MALFORMED,
  ],
  ["SUBSCRIBE with Retain Handling 3", 5, body(0x82, "0001 00 0001 61 30"), PROTOCOL_ERROR],
  ["subscription identifier 0", 5, body(0x82, "0001 02 0b00 0001 61 00"), PROTOCOL_ERROR],
  ["subscription identifier twice", 5, body(0x82, "0001 04 0b01 0b02 0001 61 00"), PROTOCOL_ERROR],
  ["a null character in a filter", 5, body(0x82, "0001 00 0001 00 00"), MALFORMED],
  ["UNSUBSCRIBE without a filter [MQTT-3.10.3-2]", 5, body(0xa2, "0001 00"), PROTOCOL_ERROR],
  ["ill-formed UTF-8 in UNSUBSCRIBE", 4, body(0xa2, "0001 0001 ff"), MALFORMED],

  ["DISCONNECT with a body in 3.1.1", 4, body(0xe0, "00"), MALFORMED],
  ["DISCONNECT with a code of the server", 5, body(0xe0, "8e"), PROTOCOL_ERROR],
  ["AUTH with a code that does not exist", 5, body(0xf0, "01"), PROTOCOL_ERROR],
  ["authentication data without a method", 5, body(0xf0, "18 04 16000100"), PROTOCOL_ERROR],
];

const FIRST: readonly (readonly [string, Buffer, number])[] = [
  ["PUBLISH before CONNECT [MQTT-3.1.0-1]", body(0x30, "0001 61"), PROTOCOL_ERROR],
  ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\n"), PROTOCOL_ERROR],
  ["CONNECT with flags", body(0x11, "0004 4d515454 04 02 0000 0000"), MALFORMED],
  ["protocol level 6 [MQTT-3.1.2-2]", body(0x10, "0004 4d515454 06 02 0000 0000"), VERSION],
  ["MQTT with level 3", body(0x10, "0004 4d515454 03 02 0000 0001 61"), VERSION],
  ["another protocol [MQTT-3.1.2-1]", body(0x10, "0004 414d5150 04 02 0000 0000"), VERSION],
  ["the reserved flag [MQTT-3.1.2-3]", body(0x10, "0004 4d515454 04 03 0000 0000"), MALFORMED],
  ["Will QoS 3 [MQTT-3.1.2-12]", body(0x10, "0004 4d515454 04 1e 0000 0000 0001 61 0000"), 0x81],
  ["Will QoS without Will [MQTT-3.1.2-11]", body(0x10, "0004 4d515454 04 0a 0000 0000"), MALFORMED],
  ["Will Retain without Will [MQTT-3.1.2-13]", body(0x10, "0004 4d515454 04 22 0000 0000"), 0x81],
  ["password without user name", body(0x10, "0004 4d515454 04 42 0000 0000 0001 61"), MALFORMED],
  ["user name missing [MQTT-3.1.2-17]", body(0x10, "0004 4d515454 04 82 0000 0000"), MALFORMED],
  ["bytes too many", body(0x10, "0004 4d515454 04 02 0000 0000 00"), MALFORMED],
  [
    "empty identifier, session kept [MQTT-3.1.3-8]",
    body(0x10, "0004 4d515454 04 00 0000 0000"),
    CLIENT_ID,
  ],
  ["empty identifier in 3.1", body(0x10, "0006 4d5149736470 03 02 0000 0000"), CLIENT_ID],
  [
    "identifier not UTF-8 [MQTT-3.1.3-4]",
    body(0x10, "0004 4d515454 04 02 0000 0001 ff"),
    MALFORMED,
  ],
  [
    "Will Topic with a wildcard",
    body(0x10, "0004 4d515454 04 06 0000 0000 0001 23 0000"),
    TOPIC_NAME,
  ],
  [
    "Will Topic not UTF-8 [MQTT-3.1.3-11]",
    body(0x10, "0004 4d515454 04 06 0000 0000 0001 ff 0000"),
    0x81,
  ],
  ["Receive Maximum 0", body(0x10, "0004 4d515454 05 02 0000 03 210000 0000"), PROTOCOL_ERROR],
  ["Maximum Packet Size 0", body(0x10, "0004 4d515454 05 02 0000 05 2700000000 0000"), 0x82],
  [
    "Session Expiry twice",
    body(0x10, "0004 4d515454 05 02 0000 0a 1100000000 1100000000 0000"),
    0x82,
  ],
  [
    "a Will property outside the Will",
    body(0x10, "0004 4d515454 05 02 0000 05 1800000001 0000"),
    0x81,
  ],
  [
    "a topic alias in the Will",
    body(0x10, "0004 4d515454 05 06 0000 00 0000 03 230001 0001 61 0000"),
    0x81,
  ],
];

describe("after CONNECT the decoder refuses", () => {
  it.each(AFTER_CONNECT)("%s (version %i)", (_claim, version, packet, reasonCode) => {
    const decoding = decode(version, [packet]);
    expect(decoding).toMatchObject({ reasonCode, packets: [] });
  });
});

describe("as the first packet the decoder refuses", () => {
  it.each(FIRST)("%s", (_claim, packet, reasonCode) => {
    const decoding = decode(null, [packet]);
    expect(decoding).toMatchObject({ reasonCode, packets: [] });
    expect(decoding.decoder.isConnectReceived).toBe(false);
  });
});
