import { frame, join } from "../conformance/wire/bytes.ts";
import * as packets from "../conformance/wire/client-packets.ts";
import type { Properties } from "../conformance/wire/properties.ts";
import type { Version } from "../conformance/wire/server-packets.ts";
import type { Choices } from "./choices.ts";
import { mutate } from "./mutate.ts";

/** What one connection of the attacker says. */
export interface Attempt {
  /** Said first; the rest follows the first answer, or at once. */
  readonly first: Buffer;
  readonly rest: Buffer;
  readonly isPatient: boolean;
  /** Packets and pieces that stand for one. */
  readonly packetCount: number;
  /** Null when its CONNECT may be anything, so that nobody knows in which version it is answered. */
  readonly version: Version | null;
}

/** A connection in twenty begins with something that is no CONNECT, or hardly. */
const strangeConnectOneIn = 20;
const validPacketsMax = 8;

/** A few valid packets behind a CONNECT, then one that is not; or a CONNECT that is not. */
export function attempt(choices: Choices): Attempt {
  const version: Version = choices.oneIn(2) ? 4 : 5;
  const connect = connectBytes(choices, version);
  if (choices.oneIn(strangeConnectOneIn)) {
    const bytes = choices.oneIn(3) ? choices.bytes(choices.below(64)) : mutate(choices, connect);
    const behind = mutate(choices, anyPacket(choices, version));
    return { first: bytes, rest: behind, isPatient: false, packetCount: 2, version: null };
  }
  const count = choices.below(validPacketsMax);
  const valid = Array.from({ length: count }, () => anyPacket(choices, version));
  const last = choices.oneIn(8)
    ? choices.bytes(1 + choices.below(200))
    : mutate(choices, anyPacket(choices, version));
  const rest = join(...valid, last);
  return { first: connect, rest, isPatient: !choices.oneIn(4), packetCount: count + 2, version };
}

function connectBytes(choices: Choices, version: Version): Buffer {
  const hasWill = choices.oneIn(3);
  const properties: Properties =
    version === 5
      ? choices.some<Properties[number]>([
          ["sessionExpiryInterval", choices.below(1000)],
          ["receiveMaximum", 1 + choices.below(20)],
          ["maximumPacketSize", 20 + choices.below(400)],
          ["topicAliasMaximum", choices.below(10)],
          ["requestProblemInformation", choices.below(2)],
          ["userProperty", [word(choices), word(choices)]],
        ])
      : [];
  return packets.connect(version, {
    // Few of them, so that connections meet their own sessions, and take over from each other.
    clientId: `fuzz-${choices.below(200)}`,
    clean: choices.oneIn(2),
    keepAliveSeconds: choices.oneIn(2) ? 0 : 60,
    properties,
    ...(hasWill
      ? { will: { topic: topicName(choices), payload: word(choices), qos: choices.below(3) } }
      : {}),
  });
}

function anyPacket(choices: Choices, version: Version): Buffer {
  const packetId = 1 + choices.below(12);
  switch (choices.below(12)) {
    case 0:
    case 1:
      return packets.subscribe(version, packetId, [
        [topicFilter(choices), choices.below(3)],
        ...(choices.oneIn(3) ? [[topicFilter(choices), choices.below(3)] as const] : []),
      ]);
    case 2:
      return packets.unsubscribe(version, packetId, [topicFilter(choices)]);
    case 3:
      return packets.ack(4, packetId);
    case 4:
      return packets.ack(5, packetId);
    case 5:
      return packets.ack(6, packetId);
    case 6:
      return packets.ack(7, packetId);
    case 7:
      return packets.pingreq;
    case 8:
      return version === 5 && choices.oneIn(3) ? frame(0xf0, 0x18, 0) : packets.pingreq;
    default:
      return publish(choices, version, packetId);
  }
}

function publish(choices: Choices, version: Version, packetId: number): Buffer {
  const properties: Properties =
    version === 5
      ? choices.some<Properties[number]>([
          ["payloadFormatIndicator", choices.below(2)],
          ["messageExpiryInterval", choices.below(100)],
          ["topicAlias", 1 + choices.below(70)],
          ["responseTopic", word(choices)],
          ["correlationData", choices.bytes(choices.below(20))],
          ["contentType", word(choices)],
          ["userProperty", [word(choices), word(choices)]],
        ])
      : [];
  return packets.publish(version, {
    topic: topicName(choices),
    payload: choices.bytes(choices.oneIn(50) ? choices.below(20_000) : choices.below(40)),
    qos: choices.below(3),
    retain: choices.oneIn(30),
    packetId,
    properties,
  });
}

function topicName(choices: Choices): string {
  return `fuzz/${choices.below(20)}/${word(choices)}`;
}

function topicFilter(choices: Choices): string {
  const tails = ["#", "+", word(choices), "+/#"];
  const filter = `fuzz/${choices.oneIn(2) ? "+" : choices.below(20)}/${choices.of(tails)}`;
  return choices.oneIn(4) ? `$share/g${choices.below(3)}/${filter}` : filter;
}

function word(choices: Choices): string {
  return choices.of(["", "a", "b", "größe", "a/b", "\ufeffx", "0", "x".repeat(30)]);
}
