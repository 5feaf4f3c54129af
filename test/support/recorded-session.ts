import { type ApplicationMessage, createMessage } from "../../src/mqtt/message.ts";
import type {
  ConnectPacket,
  ConnectProperties,
  OutboundPacket,
  ProtocolVersion,
  PublishPacket,
  Qos,
} from "../../src/mqtt/packets.ts";
import { keptMessage } from "../../src/mqtt/passing-message.ts";
import { Session } from "../../src/session/session.ts";
import type {
  DeliveryOptions,
  DropReason,
  OutboundPublish,
  SessionEffects,
  SessionLimits,
} from "../../src/session/session-api.ts";

export const LIMITS: SessionLimits = {
  queuedMessagesMax: 100,
  queuedSizeBytesMax: 100_000,
  queuedAgeSecondsMax: 0,
  queuedDrop: "newest",
  receiveMaximum: 50,
  topicAliasMaximum: 4,
  outboundTopicAliasMax: 4,
};

/** Writes down, one line per effect, what a session asks of the world; keeps the objects too. */
export class RecordedEffects implements SessionEffects {
  readonly lines: string[] = [];
  readonly packets: OutboundPacket[] = [];
  readonly publishes: OutboundPublish[] = [];
  readonly published: { message: ApplicationMessage; token: number; packetId: number }[] = [];
  readonly drops: DropReason[] = [];
  isSlow = false;
  closedWith: number | null = null;

  /** The lines since the last call. */
  take(): string[] {
    return this.lines.splice(0);
  }

  send(packet: OutboundPacket): void {
    this.packets.push(packet);
    this.lines.push(`send ${describe(packet)}`);
  }

  sendPublish(publish: OutboundPublish): void {
    this.publishes.push({ ...publish });
    const dup = publish.dup ? " dup" : "";
    const id = publish.packetId > 0 ? ` id=${publish.packetId}` : "";
    this.lines.push(`publish ${publish.message.topic} qos=${publish.qos}${id}${dup}`);
  }

  isCongested(): boolean {
    return this.isSlow;
  }

  publish(message: ApplicationMessage, token: number, packetId: number): void {
    this.published.push({ message: keptMessage(message), token, packetId });
    this.lines.push(`accept ${message.topic} token=${token}`);
  }

  subscribe(token: number, requests: readonly { topic: string }[], identifier: number): void {
    const filters = requests.map((request) => request.topic).join(" ");
    this.lines.push(`subscribe token=${token} ${filters}${identifier ? ` as ${identifier}` : ""}`);
  }

  unsubscribe(token: number, filters: readonly string[]): void {
    this.lines.push(`unsubscribe token=${token} ${filters.join(" ")}`);
  }

  authenticate(packet: { readonly reasonCode: number }, method: string): void {
    this.lines.push(`authenticate ${method} 0x${hex(packet.reasonCode)}`);
  }

  close(reasonCode: number, detail: string): void {
    this.closedWith = reasonCode;
    this.lines.push(`close 0x${hex(reasonCode)}${detail === "" ? "" : `: ${detail}`}`);
  }

  dropped(message: ApplicationMessage, reason: DropReason): void {
    this.drops.push(reason);
    this.lines.push(`drop ${message.topic} ${reason}`);
  }

  storedCompleted(seq: number): void {
    this.lines.push(`completed seq=${seq}`);
  }

  storedReceived(seq: number): void {
    this.lines.push(`received seq=${seq}`);
  }

  release(packetId: number): void {
    this.lines.push(`release id=${packetId}`);
  }
}

function hex(code: number): string {
  return code.toString(16).padStart(2, "0");
}

function describe(packet: OutboundPacket): string {
  const id = "messageId" in packet ? ` id=${packet.messageId}` : "";
  if ("granted" in packet) return `${packet.cmd}${id} [${packet.granted.map(hex).join(" ")}]`;
  if (!("reasonCode" in packet)) return packet.cmd + id;
  return `${packet.cmd}${id} 0x${hex(packet.reasonCode)}`;
}

export function connectPacket(
  protocolVersion: ProtocolVersion,
  properties?: ConnectProperties,
): ConnectPacket {
  const packet: ConnectPacket = {
    cmd: "connect",
    protocolId: protocolVersion === 3 ? "MQIsdp" : "MQTT",
    protocolVersion,
    clean: false,
    clientId: "c1",
    keepalive: 0,
  };
  if (properties !== undefined) packet.properties = properties;
  return packet;
}

export function publishPacket(
  topic: string,
  qos: Qos,
  messageId = 0,
  more: Partial<PublishPacket> = {},
): PublishPacket {
  const packet: PublishPacket = {
    cmd: "publish",
    topic,
    payload: Buffer.from("x"),
    qos,
    dup: false,
    retain: false,
    ...more,
  };
  if (qos > 0) packet.messageId = messageId;
  return packet;
}

export function ack(cmd: "puback" | "pubrec" | "pubrel" | "pubcomp", messageId: number, code = 0) {
  return { cmd, messageId, reasonCode: code } as const;
}

export function messageTo(
  topic: string,
  qos: Qos,
  more: Partial<ApplicationMessage> = {},
): ApplicationMessage {
  return createMessage({
    topic,
    payload: Buffer.from("x"),
    qos,
    retain: false,
    properties: null,
    receivedAtMs: 0,
    publisherId: "p1",
    version: 0,
    ...more,
  });
}

export function at(qos: Qos, more: Partial<DeliveryOptions> = {}): DeliveryOptions {
  return { qos, retain: false, identifiers: [], ...more };
}

export interface Connected {
  readonly session: Session;
  readonly effects: RecordedEffects;
}

/** A session with a client of the given version attached at time 0. */
export function connected(
  version: ProtocolVersion = 5,
  properties?: ConnectProperties,
  limits: Partial<SessionLimits> = {},
): Connected {
  const session = new Session("c1", { ...LIMITS, ...limits });
  return { session, effects: reconnect(session, version, properties) };
}

export function reconnect(
  session: Session,
  version: ProtocolVersion = 5,
  properties?: ConnectProperties,
): RecordedEffects {
  const effects = new RecordedEffects();
  session.attach(connectPacket(version, properties), effects, 0);
  return effects;
}
