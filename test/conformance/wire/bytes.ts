/** Pieces of MQTT packets, written without a look at the product's encoder, and wrong ones where a test needs them. */

export type Piece = Buffer | number | readonly Piece[];

/** One byte per number, buffers as they are. */
export function join(...pieces: readonly Piece[]): Buffer {
  return Buffer.concat(
    pieces.map((piece) => {
      if (typeof piece === "number") return Buffer.from([piece]);
      return Buffer.isBuffer(piece) ? piece : join(...(piece as readonly Piece[]));
    }),
  );
}

export function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Section 1.5.5, in as few bytes as possible. */
export function variableByteInteger(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest % 128) + (rest >= 128 ? 128 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** Two bytes of length, then the bytes. */
export function binary(bytes: Buffer): Buffer {
  return join(u16(bytes.length), bytes);
}

export function text(value: string | Buffer): Buffer {
  return binary(typeof value === "string" ? Buffer.from(value) : value);
}

/** First byte, Remaining Length, and the rest. */
export function frame(firstByte: number, ...body: readonly Piece[]): Buffer {
  const bytes = join(...body);
  return join(firstByte, variableByteInteger(bytes.length), bytes);
}
