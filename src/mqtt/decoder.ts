import type { BriefMemory } from "./brief-memory.ts";
import { variableByteIntegerSize } from "./byte-writer.ts";
import { decodeConnect, readProtocolVersion } from "./connect-decoder.ts";
import { Cursor } from "./cursor.ts";
import { MqttError, malformed } from "./errors.ts";
import { checkFirstByte, DUP_FLAG, PacketType } from "./packet-type.ts";
import type { InboundPacket, ProtocolVersion } from "./packets.ts";
import { decodePublish } from "./publish-decoder.ts";
import { ReasonCode } from "./reason-code.ts";
import { decodeAck, decodeAuth, decodeDisconnect } from "./reason-decoder.ts";
import { decodeSubscribe, decodeUnsubscribe } from "./subscribe-decoder.ts";

/** Takes the packets of one decoder, in order. A PUBLISH is its own only until it returns; see {@link ReceivedPublish}. */
export interface PacketReceiver {
  packetReceived(packet: InboundPacket): void;
}

/** One type byte and up to four bytes of Remaining Length. */
const FIXED_HEADER_SIZE_BYTES_MAX = 5;
const EMPTY = Buffer.alloc(0);

/**
 * Cuts the bytes of one client into control packets. At most one incomplete packet is held, in a
 * buffer that grows with what has arrived, never with what was announced.
 *
 * The payload of a PUBLISH is a part of the chunk it came in: whoever calls `push` gives the
 * chunk away and must not write into it again, unless it is brief memory.
 */
export class PacketDecoder {
  readonly #receiver: PacketReceiver;
  readonly #maximumPacketSizeBytes: number;
  readonly #cursor: Cursor;
  #protocolVersion: ProtocolVersion = 4;
  #isConnected = false;
  #isStopped = false;
  /** The start of a packet whose end has not arrived. */
  #held: Buffer = EMPTY;
  #heldSizeBytes = 0;
  /** Set by `#measure` when it finds a complete fixed header. */
  #headerSizeBytes = 0;

  /**
   * `maximumPacketSizeBytes`: the whole packet, fixed header included; a longer one is refused with 0x95 as soon as its length is known.
   * `cursor`: decoders may share one, since nothing of it is needed any more when a packet is handed on.
   */
  constructor(receiver: PacketReceiver, maximumPacketSizeBytes: number, cursor = new Cursor()) {
    this.#receiver = receiver;
    this.#maximumPacketSizeBytes = maximumPacketSizeBytes;
    this.#cursor = cursor;
  }

  /**
   * As in CONNECT, even when the rest of that CONNECT was refused; 4 until then, which is how an
   * unknown one is answered.
   */
  get protocolVersion(): ProtocolVersion {
    return this.#protocolVersion;
  }

  /**
   * True once a valid CONNECT was handed on. Before, an error is answered with CONNACK or not at
   * all.
   */
  get isConnectReceived(): boolean {
    return this.#isConnected;
  }

  /** Bytes held of an incomplete packet. */
  get heldSizeBytes(): number {
    return this.#heldSizeBytes;
  }

  /**
   * Hands on every packet that `chunk` completes, in order. Nothing is handed on after an error or
   * `stop`.
   * @param memory given when `chunk` is its
   * @throws MqttError when the connection must end
   */
  push(chunk: Buffer, memory: BriefMemory | null = null): void {
    if (this.#isStopped) return;
    const cursor = this.#cursor;
    // Another decoder may be in the middle of something.
    const outer = cursor.memory;
    cursor.memory = memory;
    try {
      this.#consume(chunk);
    } catch (error) {
      this.stop();
      throw error;
    } finally {
      cursor.release(EMPTY);
      cursor.memory = outer;
    }
  }

  /** Ignores everything from here on, the rest of the chunk being parsed included. */
  stop(): void {
    this.#isStopped = true;
    this.#held = EMPTY;
    this.#heldSizeBytes = 0;
  }

  #consume(chunk: Buffer): void {
    let at = this.#heldSizeBytes > 0 ? this.#completeHeld(chunk) : 0;
    while (at < chunk.length && !this.#isStopped) {
      const sizeBytes = this.#measure(chunk, at, chunk.length);
      if (sizeBytes === 0 || sizeBytes > chunk.length - at) {
        this.#hold(chunk, at, chunk.length);
        return;
      }
      this.#decode(chunk, at, at + sizeBytes);
      at += sizeBytes;
    }
  }

  /**
   * Adds to the incomplete packet what is missing; answers where the next packet starts in `chunk`.
   */
  #completeHeld(chunk: Buffer): number {
    let at = 0;
    let sizeBytes = this.#measure(this.#held, 0, this.#heldSizeBytes);
    while (sizeBytes === 0 && at < chunk.length) {
      this.#hold(chunk, at, at + 1);
      at += 1;
      sizeBytes = this.#measure(this.#held, 0, this.#heldSizeBytes);
    }
    if (sizeBytes === 0) return at;
    const end = Math.min(chunk.length, at + sizeBytes - this.#heldSizeBytes);
    this.#hold(chunk, at, end);
    if (this.#heldSizeBytes < sizeBytes) return end;
    const frame = this.#held;
    this.#held = EMPTY;
    this.#heldSizeBytes = 0;
    this.#decode(frame, 0, sizeBytes);
    return end;
  }

  #hold(chunk: Buffer, start: number, end: number): void {
    const sizeBytes = this.#heldSizeBytes + end - start;
    if (sizeBytes > this.#held.length) {
      const doubled = Math.min(this.#held.length * 2, this.#maximumPacketSizeBytes);
      const grown = Buffer.allocUnsafeSlow(Math.max(sizeBytes, doubled, 64));
      this.#held.copy(grown, 0, 0, this.#heldSizeBytes);
      this.#held = grown;
    }
    chunk.copy(this.#held, this.#heldSizeBytes, start, end);
    this.#heldSizeBytes = sizeBytes;
  }

  /**
   * The size of the packet that starts at `start`, 0 while its fixed header is incomplete. Refuses
   * what must not come.
   */
  #measure(bytes: Buffer, start: number, end: number): number {
    checkFirstByte(bytes[start]!, this.#isConnected, this.#protocolVersion);
    let remainingLength = 0;
    let at = start + 1;
    for (let shift = 0; at < end; shift += 7) {
      // [MQTT-1.5.5-1]
      if (shift === 28) throw malformed("the remaining length has more than four bytes");
      const byte = bytes[at]!;
      at += 1;
      remainingLength |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        // [MQTT-1.5.5-1] Minimal since MQTT 5; older clients may pad it.
        if (byte === 0 && shift > 0 && this.#protocolVersion === 5) {
          throw malformed("the remaining length is not minimal");
        }
        this.#headerSizeBytes = at - start;
        return this.#checkSize(at - start + remainingLength);
      }
    }
    if (at - start >= FIXED_HEADER_SIZE_BYTES_MAX) {
      throw malformed("the remaining length has more than four bytes");
    }
    return 0;
  }

  #checkSize(sizeBytes: number): number {
    if (sizeBytes <= this.#maximumPacketSizeBytes) return sizeBytes;
    // [MQTT-3.2.2-15]
    throw new MqttError(
      ReasonCode.packetTooLarge,
      `a packet of ${sizeBytes} bytes, at most ${this.#maximumPacketSizeBytes} are accepted`,
    );
  }

  #decode(bytes: Buffer, start: number, end: number): void {
    const firstByte = bytes[start]!;
    const cursor = this.#cursor.reset(bytes, start + this.#headerSizeBytes, end);
    const version = this.#protocolVersion;
    const type = firstByte >> 4;
    switch (type) {
      case PacketType.publish:
        this.#decodePublish(cursor, firstByte, start, end);
        return;
      case PacketType.puback:
      case PacketType.pubrec:
      case PacketType.pubrel:
      case PacketType.pubcomp:
        this.#receiver.packetReceived(decodeAck(cursor, type, version));
        return;
      case PacketType.pingreq:
        cursor.expectEnd();
        this.#receiver.packetReceived({ cmd: "pingreq" });
        return;
      case PacketType.disconnect:
        this.#receiver.packetReceived(decodeDisconnect(cursor, version));
        return;
      case PacketType.auth:
        this.#receiver.packetReceived(decodeAuth(cursor));
        return;
      default:
        this.#decodeByReference(Buffer.from(bytes.subarray(start, end)), type);
    }
  }

  #decodePublish(cursor: Cursor, firstByte: number, start: number, end: number): void {
    const headerSizeBytes = this.#headerSizeBytes;
    const publish = decodePublish(cursor, firstByte, this.#protocolVersion);
    const isMinimal =
      headerSizeBytes === 1 + variableByteIntegerSize(end - start - headerSizeBytes);
    publish.start = start;
    publish.wireVersion = !isMinimal ? 0 : this.#protocolVersion === 5 ? 5 : 4;
    this.#receiver.packetReceived(publish);
  }

  /** CONNECT, SUBSCRIBE, UNSUBSCRIBE: on a copy, because what they carry outlives the chunk. */
  #decodeByReference(frame: Buffer, type: number): void {
    const cursor = this.#cursor.reset(frame, this.#headerSizeBytes, frame.length);
    if (type === PacketType.connect) {
      this.#protocolVersion = readProtocolVersion(cursor);
      const packet = decodeConnect(frame, cursor, this.#protocolVersion);
      this.#isConnected = true;
      this.#receiver.packetReceived(packet);
      return;
    }
    // The DUP of an MQTT 3.1 client; mqtt-packet knows the flags of 3.1.1 only.
    frame[0] = frame[0]! & ~DUP_FLAG;
    if (type === PacketType.subscribe) {
      this.#receiver.packetReceived(decodeSubscribe(frame, cursor, this.#protocolVersion));
    } else {
      this.#receiver.packetReceived(decodeUnsubscribe(frame, cursor, this.#protocolVersion));
    }
  }
}
