/** MQTT 3.1.1 packets made by hand, because a client library would be the bottleneck of the measurement. */

export const PacketKind = {
  connack: 2,
  publish: 3,
  puback: 4,
  suback: 9,
} as const;

/** Every payload starts with: run, publisher, sequence number; four bytes each. */
export const payloadHeaderSizeBytes = 12;

export function connectPacket(clientId: string): Buffer {
  const cleanSession = 0x02;
  const header = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4, cleanSession, 0, 0]);
  return packet(0x10, [header, text(clientId)]);
}

export function subscribePacket(filter: string, qos: number): Buffer {
  return packet(0x82, [Buffer.from([0, 1]), text(filter), Buffer.from([qos])]);
}

export const disconnectPacket = Buffer.from([0xe0, 0]);

export function writePuback(into: Buffer, at: number, packetId: number): void {
  into[at] = PacketKind.puback << 4;
  into[at + 1] = 2;
  into[at + 2] = packetId >> 8;
  into[at + 3] = packetId & 0xff;
}

export interface PublishFields {
  readonly topic: string;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly payloadSizeBytes: number;
  readonly run: number;
  readonly publisher: number;
}

/** The PUBLISH of one publisher on one topic; only sequence number and packet identifier change. */
export class PublishTemplate {
  readonly sizeBytes: number;
  readonly #bytes: Buffer;
  readonly #packetIdAt: number;
  readonly #sequenceAt: number;

  constructor(fields: PublishFields) {
    const { topic, qos, retain, payloadSizeBytes, run, publisher } = fields;
    if (payloadSizeBytes < payloadHeaderSizeBytes) {
      throw new RangeError(`a payload has at least ${payloadHeaderSizeBytes} bytes`);
    }
    const payload = Buffer.alloc(payloadSizeBytes, "f");
    payload.writeUInt32BE(run, 0);
    payload.writeUInt32BE(publisher, 4);
    const packetId = Buffer.alloc(qos === 0 ? 0 : 2);
    const firstByte = (PacketKind.publish << 4) | (qos << 1) | (retain ? 1 : 0);
    this.#bytes = packet(firstByte, [text(topic), packetId, payload]);
    this.sizeBytes = this.#bytes.length;
    this.#sequenceAt = this.sizeBytes - payloadSizeBytes + 8;
    this.#packetIdAt = qos === 0 ? -1 : this.sizeBytes - payloadSizeBytes - 2;
  }

  write(into: Buffer, at: number, sequence: number, packetId: number): void {
    into.set(this.#bytes, at);
    const sequenceAt = at + this.#sequenceAt;
    into[sequenceAt] = sequence >>> 24;
    into[sequenceAt + 1] = sequence >>> 16;
    into[sequenceAt + 2] = sequence >>> 8;
    into[sequenceAt + 3] = sequence;
    if (this.#packetIdAt < 0) return;
    into[at + this.#packetIdAt] = packetId >> 8;
    into[at + this.#packetIdAt + 1] = packetId;
  }
}

function packet(firstByte: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const header = [firstByte];
  let rest = body.length;
  do {
    header.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from(header), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}
