import type { ApplicationMessage } from "../mqtt/message.ts";
import { ByteWriter } from "../replica/byte-writer.ts";

export const forwardFormatVersion = 1;
export const forwardFlags = { plain: 0x01, passedOn: 0x02 } as const;
const plainHeaderSizeBytes = 3;

/** One message on its way to one other node. */
export interface ForwardFrame {
  readonly message: ApplicationMessage;
  /** For the ordinary subscribers of that node. */
  readonly isPlain: boolean;
  /** Shared filters for which that node picks a member. */
  readonly shares: readonly string[];
  /** By a node that had no member left; a third one is not asked. */
  readonly isPassedOn: boolean;
}

/** The same message, as `ForwardEncoder` made it, for a node that picks members of shared subscriptions. */
export function withShares(plain: Buffer, isPlain: boolean, shares: readonly string[]): Buffer {
  return framed(plain, isPlain ? forwardFlags.plain : 0, shares);
}

/** As above, from a node that was to pick members and has none. */
export function passedOn(plain: Buffer, shares: readonly string[]): Buffer {
  return framed(plain, forwardFlags.passedOn, shares);
}

function framed(plain: Buffer, flags: number, shares: readonly string[]): Buffer {
  const writer = new ByteWriter(16 + plain.length);
  writer.byte(forwardFormatVersion);
  writer.byte(flags);
  writer.number(shares.length);
  for (const share of shares) writer.string(share);
  return Buffer.concat([writer.finish(), plain.subarray(plainHeaderSizeBytes)]);
}
