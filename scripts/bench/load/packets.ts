/** MQTT packets made by hand, because a client library would be the bottleneck of the measurement. */

export const PacketKind = {
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  suback: 9,
} as const;

/** Every payload starts with: run, publisher, sequence number; four bytes each. */
export const payloadHeaderSizeBytes = 12;
/** And ends with the sequence number again, so that a message made of two is noticed. */
export const payloadTrailerSizeBytes = 4;

export type ProtocolVersion = 4 | 5;

const receiveMaximum = [0x21, 0xff, 0xff];
const sessionExpiry = [0x11, 0, 0, 0x0e, 0x10];

export function connectPacket(
  clientId: string,
  version: ProtocolVersion = 4,
  isClean = true,
): Buffer {
  const flags = isClean ? 0x02 : 0;
  const header = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, version, flags, 0, 0]);
  const properties = isClean ? receiveMaximum : [...sessionExpiry, ...receiveMaximum];
  const withLength = Buffer.from([properties.length, ...properties]);
  return packet(0x10, [header, version === 5 ? withLength : nothing, text(clientId)]);
}

export function subscribePacket(
  filters: readonly string[],
  qos: number,
  version: ProtocolVersion = 4,
): Buffer {
  const head = Buffer.from(version === 5 ? [0, 1, 0] : [0, 1]);
  return packet(0x82, [head, ...filters.flatMap((filter) => [text(filter), Buffer.from([qos])])]);
}

export const disconnectPacket = Buffer.from([0xe0, 0]);

const nothing = Buffer.alloc(0);

export interface PublishFields {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly version: ProtocolVersion;
  readonly hasProperties: boolean;
  readonly isDeviceState: boolean;
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
  readonly #isText: boolean;

  constructor(fields: PublishFields) {
    const { topic, qos, retain, payloadSizeBytes, run, publisher } = fields;
    const sizeBytesMin = payloadHeaderSizeBytes + payloadTrailerSizeBytes;
    if (payloadSizeBytes < sizeBytesMin) {
      throw new RangeError(`a payload has at least ${sizeBytesMin} bytes`);
    }
    this.#isText = fields.isDeviceState;
    const payload = this.#isText ? reading(payloadSizeBytes) : Buffer.alloc(payloadSizeBytes, "f");
    if (!this.#isText) {
      payload.writeUInt32BE(run, 0);
      payload.writeUInt32BE(publisher, 4);
    }
    const packetId = Buffer.alloc(qos === 0 ? 0 : 2);
    const properties = propertiesOf(fields);
    const firstByte = (PacketKind.publish << 4) | (qos << 1) | (retain ? 1 : 0);
    this.#bytes = packet(firstByte, [text(topic), packetId, properties, payload]);
    this.sizeBytes = this.#bytes.length;
    const offset = this.#isText ? sequenceInReadingAt : 8;
    this.#sequenceAt = this.sizeBytes - payloadSizeBytes + offset;
    this.#packetIdAt = qos === 0 ? -1 : this.sizeBytes - payloadSizeBytes - properties.length - 2;
  }

  write(into: Buffer, at: number, sequence: number, packetId: number): void {
    into.set(this.#bytes, at);
    if (this.#isText) writeHex(into, at + this.#sequenceAt, sequence);
    else {
      writeUint32(into, at + this.#sequenceAt, sequence);
      writeUint32(into, at + this.sizeBytes - payloadTrailerSizeBytes, sequence);
    }
    if (this.#packetIdAt < 0) return;
    into[at + this.#packetIdAt] = packetId >> 8;
    into[at + this.#packetIdAt + 1] = packetId;
  }
}

const readingStart = '{"n":"';
const sequenceInReadingAt = readingStart.length;

/** JSON of just this size, with eight digits for the sequence number. */
function reading(sizeBytes: number): Buffer {
  const start = `${readingStart}00000000","x":123.45,"y":67.89,"unit":"`;
  return Buffer.from(`${start.padEnd(sizeBytes - 2, "m")}"}`);
}

const digits = Buffer.from("0123456789abcdef");

function writeHex(into: Buffer, at: number, value: number): void {
  for (let digit = 0; digit < 8; digit++)
    into[at + digit] = digits[(value >>> (28 - 4 * digit)) & 15]!;
}

function propertiesOf({ version, hasProperties }: PublishFields): Buffer {
  if (version === 4) return nothing;
  if (!hasProperties) return Buffer.from([0]);
  const properties = Buffer.concat([
    Buffer.from([0x02, 0, 0, 0x0e, 0x10]),
    Buffer.from([0x03]),
    text("application/octet-stream"),
    Buffer.from([0x26]),
    text("site"),
    text("hall-7"),
  ]);
  return Buffer.concat([Buffer.from([properties.length]), properties]);
}

function writeUint32(into: Buffer, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
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
