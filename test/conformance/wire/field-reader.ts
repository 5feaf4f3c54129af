import { WireFault } from "./fault.ts";

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the fields of one packet from a server, and takes nothing that the specification does not allow. */
export class FieldReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    return this.#take(1)[0] ?? 0;
  }

  u16(): number {
    return this.#take(2).readUInt16BE();
  }

  u32(): number {
    return this.#take(4).readUInt32BE();
  }

  /** [MQTT-1.5.5-1] A longer form than needed is a fault. */
  variableByteInteger(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte >= 0x80) continue;
      if (byte === 0 && shift > 0) throw new WireFault("a variable byte integer is too long");
      return value;
    }
    throw new WireFault("a variable byte integer of more than four bytes");
  }

  /** [MQTT-1.5.4-1] and [MQTT-1.5.4-2] */
  text(): string {
    const bytes = this.binary();
    if (bytes.includes(0)) throw new WireFault("a string with a null character");
    try {
      return strictUtf8.decode(bytes);
    } catch {
      throw new WireFault(`a string is not well-formed UTF-8: ${bytes.toString("hex")}`);
    }
  }

  binary(): Buffer {
    return this.#take(this.u16());
  }

  rest(): Buffer {
    return this.#take(this.remaining);
  }

  expectEnd(): void {
    if (this.remaining > 0) throw new WireFault(`${this.remaining} bytes behind the content`);
  }

  #take(sizeBytes: number): Buffer {
    if (sizeBytes > this.remaining) throw new WireFault("a packet is shorter than its content");
    this.#at += sizeBytes;
    return this.#bytes.subarray(this.#at - sizeBytes, this.#at);
  }
}
