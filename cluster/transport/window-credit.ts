/** Yamux puts twelve bytes before everything: version, type, flags u16, stream u32, length u32. */
const headerSizeBytes = 12;
const typeAt = 1;
const flagsAt = 2;
const streamAt = 4;
const lengthAt = 8;
const windowUpdate = 1;

/**
 * Makes few large window updates of the many that yamux grants, one for each frame it has read, however small. Each costs both
 * ends as much as a frame of data. What is held back of a stream is less than the piece that `pieceSizeBytesOf` tells. That must be
 * well below the window that the stream has: its sender has the rest, and never comes to a halt for it.
 */
export class WindowCredit {
  readonly #pieceSizeBytesOf: (stream: number) => number;
  readonly #streamsMax: number;
  /** By stream, the one that has waited longest first. */
  readonly #held = new Map<number, number>();

  /** Beyond `streamsMax` the stream that has waited longest gets what is held of it; it may also have ended. */
  constructor(pieceSizeBytesOf: (stream: number) => number, streamsMax: number) {
    this.#pieceSizeBytesOf = pieceSizeBytesOf;
    this.#streamsMax = streamsMax;
  }

  /** What leaves now in the place of `frame`: itself, unless it is a window update that neither begins nor ends a stream. */
  replace(frame: Uint8Array): readonly Uint8Array[] {
    if (frame.length !== headerSizeBytes || frame[typeAt] !== windowUpdate) return [frame];
    const view = new DataView(frame.buffer, frame.byteOffset, headerSizeBytes);
    if (view.getUint16(flagsAt) !== 0) return [frame];
    const stream = view.getUint32(streamAt);
    const creditBytes = view.getUint32(lengthAt) + (this.#held.get(stream) ?? 0);
    if (creditBytes >= this.#pieceSizeBytesOf(stream)) {
      this.#held.delete(stream);
      return [update(stream, creditBytes)];
    }
    this.#held.set(stream, creditBytes);
    return this.#held.size > this.#streamsMax ? [this.#oldest()] : [];
  }

  #oldest(): Uint8Array {
    const [stream, creditBytes] = this.#held.entries().next().value as [number, number];
    this.#held.delete(stream);
    return update(stream, creditBytes);
  }
}

function update(stream: number, creditBytes: number): Uint8Array {
  const frame = new Uint8Array(headerSizeBytes);
  frame[typeAt] = windowUpdate;
  const view = new DataView(frame.buffer);
  view.setUint32(streamAt, stream);
  view.setUint32(lengthAt, creditBytes);
  return frame;
}
