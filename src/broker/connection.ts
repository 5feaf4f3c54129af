import type { BriefMemory } from "../mqtt/brief-memory.ts";
import { PacketDecoder, type PacketReceiver } from "../mqtt/decoder.ts";
import { encodePacket } from "../mqtt/encoder.ts";
import { MqttError } from "../mqtt/errors.ts";
import type {
  AuthPacket,
  ConnackPacket,
  InboundPacket,
  OutboundPacket,
  ProtocolVersion,
} from "../mqtt/packets.ts";
import { messageSizeOf } from "../mqtt/passing-message.ts";
import { connackReturnCode, ReasonCode } from "../mqtt/reason-code.ts";
import { ownPacket, payloadSizeOf } from "../mqtt/received-publish.ts";
import type { OutboundPublish } from "../session/session-api.ts";
import type { Channel, ChannelHandler } from "./channel.ts";
import { failureOf } from "./connection-failure.ts";
import { ConnectionInput, type InputOwner } from "./connection-input.ts";
import type { ConnectionOwner, ConnectionShared, ConnectionUser } from "./connection-ports.ts";
import type { Due } from "./deadline-wheel.ts";
import { Output, type OutputOwner } from "./output.ts";

/** "challenged": its CONNECT asked for enhanced authentication, and it has to answer an AUTH. */
type Phase = "opened" | "connecting" | "challenged" | "attached" | "closing" | "closed";

/**
 * One client's socket: bytes to packets for the session, packets to bytes once per turn, and the ways it ends. There are as many as clients,
 * most of them idle: what its parts tell it comes to methods and not to closures, and what is mostly empty is not there.
 */
export class Connection implements ChannelHandler, InputOwner, PacketReceiver, OutputOwner, Due {
  readonly channel: Channel;
  readonly #owner: ConnectionOwner;
  readonly #shared: ConnectionShared;
  readonly #decoder: PacketDecoder;
  readonly #input: ConnectionInput;
  readonly #output: Output;
  #phase: Phase = "opened";
  #version: ProtocolVersion = 4;
  /** What the client takes; its session sees to the PUBLISHes. */
  #maximumPacketSizeBytes = Number.POSITIVE_INFINITY;
  #user: ConnectionUser | null = null;
  /** What a client sent behind its CONNECT before it had the CONNACK; bounded by the chunk it came in. */
  #early: InboundPacket[] | null = null;
  /** What is wrong with it; told after the CONNACK, as it would be had it come later. */
  #earlyError: unknown = null;
  /** Set when the client half-closed before its CONNACK, as one may that does not wait for answers. */
  #goodbye: (() => void) | null = null;
  /** Takes the answer to an AUTH. */
  #answered: ((packet: AuthPacket) => void) | null = null;
  #isPending = true;
  /**
   * Wall-clock time of the chunk being read; asked for once, however many packets are in it. A field that has not always been a number
   * keeps the object that V8 makes of one of this size; of any other it would make such an object each time it is read.
   */
  #chunkAtMs: number | null = null;
  /** Its place in the wheel; what it means follows from the phase. */
  #deadlineTick = 0;
  #silenceMaxMs = 0;

  constructor(channel: Channel, owner: ConnectionOwner, shared: ConnectionShared) {
    this.channel = channel;
    this.#owner = owner;
    this.#shared = shared;
    const { limits, cursor } = shared;
    this.#decoder = new PacketDecoder(this, limits.maximumPacketSizeBytes, cursor);
    this.#input = new ConnectionInput(channel, this, shared);
    this.#output = new Output(channel, this, shared);
    this.#setDeadline(this.receivedAtMs + limits.connectTimeoutMs);
  }

  get version(): ProtocolVersion {
    return this.#version;
  }

  /** When what is read now came, on the monotonic clock. */
  get receivedAtMs(): number {
    return this.#input.receivedAtMs;
  }

  /** False once its end has begun. */
  get isOpen(): boolean {
    return this.#phase !== "closing" && this.#phase !== "closed";
  }

  get isClosed(): boolean {
    return this.#phase === "closed";
  }

  /** True until the CONNECT arrived, and for ever if it never did. */
  get isPending(): boolean {
    return this.#isPending;
  }

  received(memory: BriefMemory): void {
    this.#input.received(memory);
  }

  read(memory: BriefMemory): void {
    this.#chunkAtMs = this.#shared.clock.wallMs();
    try {
      this.#decoder.push(memory.bytes, memory);
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#shared.flushList.gatherer.settlePassed();
    }
    this.#user?.roomMayHaveGrown();
  }

  drained(): void {
    if (!this.#output.drained() || this.#phase !== "attached") return;
    this.#user?.session.resume(this.#shared.clock.wallMs());
    this.#user?.roomMayHaveGrown();
  }

  ended(goodbye: () => void): void {
    this.#input.readDeferred();
    if (this.#phase === "connecting") this.#goodbye = goodbye;
    else goodbye();
  }

  violated(detail: string): void {
    this.#input.readDeferred();
    this.#failed(new MqttError(ReasonCode.protocolError, detail));
  }

  closed(): void {
    this.#input.readDeferred();
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#clearDeadline();
    this.#output.end();
    this.#early = null;
    const user = this.#user;
    this.#user = null;
    user?.connectionLost();
    this.#owner.connectionClosed(this);
  }

  /** Sends an AUTH and reads on until the client's next one, which is its answer. Nothing else may come but DISCONNECT. */
  challenge(packet: AuthPacket, answered: (packet: AuthPacket) => void): void {
    if (!this.isOpen) return;
    if (this.#isTooLarge(packet)) return this.refuse(ReasonCode.packetTooLarge);
    // Who has closed its half does not answer.
    if (this.#goodbye !== null) return this.close();
    this.#phase = "challenged";
    this.#answered = answered;
    this.send(packet);
    const { clock, limits } = this.#shared;
    this.#setDeadline(clock.monotonicMs() + limits.authenticationTimeoutMs);
    const early = this.#early;
    this.#early = null;
    this.resumeReading();
    try {
      for (const each of early ?? []) this.#route(each);
      if (this.#earlyError !== null) throw this.#earlyError;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** CONNACK 0x00, then the session takes over; what the client sent early follows. */
  attach(user: ConnectionUser, connack: ConnackPacket, keepAliveSeconds: number): void {
    this.#phase = "attached";
    this.#user = user;
    // [MQTT-3.2.0-1]
    this.send(connack);
    this.#clearDeadline();
    this.#silenceMaxMs = keepAliveSeconds * 1500;
    if (keepAliveSeconds > 0) this.#setDeadline(this.receivedAtMs + this.#silenceMaxMs);
  }

  /** After the session knows its connection. */
  startReceiving(): void {
    const early = this.#early;
    this.#early = null;
    this.#chunkAtMs = this.#shared.clock.wallMs();
    this.resumeReading();
    try {
      for (const packet of early ?? []) this.#attachedReceived(packet);
      if (this.#earlyError !== null) throw this.#earlyError;
    } catch (error) {
      this.#failed(error);
    }
    this.#goodbye?.();
  }

  /** CONNACK with an error, then the end. `serverReference`: where the client is to go; empty = nowhere in particular. */
  refuse(reasonCode: number, serverReference = ""): void {
    if (!this.isOpen) return;
    const connack: ConnackPacket = { cmd: "connack", reasonCode, sessionPresent: false };
    const referring = { ...connack, properties: { serverReference } };
    const isReferring = serverReference !== "" && !this.#isTooLarge(referring);
    this.send(isReferring ? referring : connack);
    this.close();
  }

  send(packet: OutboundPacket): void {
    if (this.#isTooLarge(packet)) return this.#cannotSay(packet);
    this.#shared.counters.packetsSent++;
    this.#output.send(packet, this.#version);
  }

  sendPublish(publish: OutboundPublish): void {
    const counters = this.#shared.counters;
    counters.packetsSent++;
    counters.publishSent++;
    counters.publishBytesSent += messageSizeOf(publish.message);
    this.#output.sendPublish(publish, this.#version);
  }

  isCongested(): boolean {
    return this.#output.isCongested();
  }

  /** Several parts may ask; the socket is read again when all of them let go. */
  pauseReading(): void {
    this.#input.pause();
  }

  resumeReading(): void {
    this.#input.resume();
  }

  /**
   * Writes what waits, half-closes and reads on for a moment: destroying a socket with unread input resets it, and
   * the client would never see why.
   */
  close(): void {
    if (!this.isOpen) return;
    this.#phase = "closing";
    this.#decoder.stop();
    this.#user = null;
    this.#answered = null;
    // [MQTT-3.1.4-6]
    this.#early = null;
    this.#clearDeadline();
    this.#output.end();
    this.channel.end();
    this.channel.resumeReading();
    const { clock, limits } = this.#shared;
    this.#setDeadline(clock.monotonicMs() + limits.lingerMs);
  }

  deadlinePassed(): void {
    const { counters } = this.#shared;
    if (this.#phase === "opened") {
      counters.connectTimeouts++;
      this.close();
    } else if (this.#phase === "challenged") {
      counters.authenticationTimeouts++;
      this.refuse(ReasonCode.notAuthorized);
    } else if (this.#phase === "attached") this.#checkKeepAlive();
    else if (this.#phase === "closing") this.channel.destroy();
  }

  packetReceived(packet: InboundPacket): void {
    this.#shared.counters.packetsReceived++;
    this.#route(packet);
  }

  #route(packet: InboundPacket): void {
    if (this.#phase === "attached") this.#attachedReceived(packet);
    else if (this.#phase === "opened") {
      if (packet.cmd !== "connect") {
        throw new MqttError(ReasonCode.protocolError, "no CONNECT first [MQTT-3.1.0-1]");
      }
      this.#phase = "connecting";
      this.#isPending = false;
      this.#version = packet.protocolVersion;
      this.#maximumPacketSizeBytes =
        packet.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY;
      this.#clearDeadline();
      // Until CONNACK the client is not read, so that what it sends early stays bounded.
      this.pauseReading();
      this.#owner.connectReceived(this, packet);
    } else if (this.#phase === "connecting") {
      this.#early ??= [];
      this.#early.push(ownPacket(packet));
    } else if (this.#phase === "challenged") this.#challengedReceived(packet);
  }

  /** [MQTT-3.1.2-30] */
  #challengedReceived(packet: InboundPacket): void {
    if (packet.cmd === "disconnect") return this.close();
    if (packet.cmd !== "auth") {
      throw new MqttError(ReasonCode.protocolError, "not an AUTH, before CONNACK");
    }
    this.#phase = "connecting";
    this.#clearDeadline();
    this.pauseReading();
    try {
      this.#answered?.(packet);
    } catch (error) {
      // Nobody else will say anything to the client.
      this.#phase = "challenged";
      throw error;
    }
  }

  #attachedReceived(packet: InboundPacket): void {
    if (packet.cmd === "connect") {
      throw new MqttError(ReasonCode.protocolError, "a second CONNECT [MQTT-3.1.0-2]");
    }
    if (packet.cmd === "publish") {
      this.#shared.counters.publishReceived++;
      this.#shared.counters.publishBytesReceived += payloadSizeOf(packet);
    }
    this.#user?.session.receive(packet, this.#chunkAtMs ?? 0);
  }

  /** [MQTT-3.1.2-24] */
  #isTooLarge(packet: OutboundPacket): boolean {
    const limit = this.#maximumPacketSizeBytes;
    return limit !== Number.POSITIVE_INFINITY && encodePacket(packet, this.#version).length > limit;
  }

  /** A client that waits for a SUBACK which cannot be sent would wait for ever. The other ways to say it end anyway. */
  #cannotSay(packet: OutboundPacket): void {
    if (packet.cmd !== "suback" && packet.cmd !== "unsuback") return;
    this.#shared.counters.packetsTooLarge++;
    this.#end(ReasonCode.packetTooLarge, "the answer is larger than the client takes");
  }

  #failed(error: unknown): void {
    if (this.#phase === "connecting") {
      this.#earlyError = error;
      return;
    }
    const { reasonCode, detail } = failureOf(error, this.#shared);
    this.#end(reasonCode, detail);
  }

  #end(reasonCode: number, detail: string): void {
    if (this.#phase === "attached" && this.#user) this.#user.session.disconnect(reasonCode, detail);
    else if (this.#phase === "opened") this.#refuseFirst(reasonCode);
    else if (this.#phase === "challenged") this.refuse(reasonCode);
    else this.close();
  }

  /** A CONNECT that cannot be read gets a CONNACK where its version has a word for it; what is no CONNECT gets nothing. */
  #refuseFirst(reasonCode: number): void {
    this.#version = this.#decoder.protocolVersion;
    if (this.#version === 5 || connackReturnCode(reasonCode) !== null) this.refuse(reasonCode);
    else this.close();
  }

  tooSlow(detail: string): void {
    this.#shared.counters.slowConsumers++;
    this.#end(ReasonCode.quotaExceeded, detail);
    // It reads nothing, so there is no one to wait for.
    this.channel.destroy();
  }

  #checkKeepAlive(): void {
    const nowMs = this.#shared.clock.monotonicMs();
    const silentMs = this.#input.silentMs(nowMs);
    if (silentMs < this.#silenceMaxMs) {
      this.#setDeadline(this.receivedAtMs + this.#silenceMaxMs);
      return;
    }
    this.#shared.counters.keepAliveTimeouts++;
    this.#end(ReasonCode.keepAliveTimeout, `nothing received for ${Math.round(silentMs)} ms`);
  }

  #setDeadline(deadlineMs: number): void {
    this.#deadlineTick = this.#shared.wheel.set(deadlineMs, this);
  }

  #clearDeadline(): void {
    this.#shared.wheel.clear(this.#deadlineTick, this);
  }
}
