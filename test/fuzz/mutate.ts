import { join } from "../conformance/wire/bytes.ts";
import type { Choices } from "./choices.ts";

/** Bytes that decoders trip over: ends of ranges, lengths that go on, characters with a meaning. */
const telling = [0x00, 0x01, 0x7f, 0x80, 0xff, 0xc0, 0xed, 0x23, 0x2b, 0x2f, 0x24];

/** A packet with one to three changes; rarely, it is none the worse for them. */
export function mutate(choices: Choices, packet: Buffer): Buffer {
  let bytes: Buffer = Buffer.from(packet);
  for (let changes = 1 + choices.below(3); changes > 0; changes--) bytes = change(choices, bytes);
  return bytes;
}

function change(choices: Choices, bytes: Buffer): Buffer {
  const at = choices.below(Math.max(1, bytes.length));
  switch (choices.below(8)) {
    case 0:
      return replaced(bytes, at, (bytes[at] ?? 0) ^ (1 << choices.below(8)));
    case 1:
      return replaced(bytes, at, choices.of(telling));
    case 2:
      return replaced(bytes, at, choices.below(256));
    case 3:
      return join(bytes.subarray(0, at), choices.bytes(1 + choices.below(4)), bytes.subarray(at));
    case 4:
      return join(bytes.subarray(0, at), bytes.subarray(at + 1 + choices.below(4)));
    case 5:
      return bytes.subarray(0, at);
    case 6: {
      // A part of it once more.
      const end = at + choices.below(8);
      return join(bytes.subarray(0, end), bytes.subarray(at));
    }
    default:
      // The Remaining Length is where most depends on one byte.
      return replaced(bytes, 1, choices.oneIn(2) ? (bytes[1] ?? 0) + 1 : choices.below(256));
  }
}

function replaced(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  if (at < copy.length) copy[at] = value & 0xff;
  return copy;
}
