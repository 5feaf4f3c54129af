import type { KnownAddresses } from "../members/address-book.ts";
import { memberLimits } from "../peer-limits.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { ControlKind, frameVersion } from "./frame-kinds.ts";

/**
 * Where other nodes are: kind u8 | version u8 | (node id 16 bytes | incarnation u48 | count u8 | texts)* up to the end. One frame
 * for each `addressNodesPerFrameMax` nodes.
 */
export function encodeAddresses(known: readonly KnownAddresses[]): Uint8Array[] {
  const frames: Uint8Array[] = [];
  const { addressNodesPerFrameMax, addressesMax } = memberLimits;
  for (let start = 0; start < known.length; start += addressNodesPerFrameMax) {
    const writer = new ByteWriter(256).u8(ControlKind.addresses).u8(frameVersion);
    for (const { nodeId, incarnation, addresses } of known.slice(
      start,
      start + addressNodesPerFrameMax,
    )) {
      const listed = addresses.slice(0, addressesMax);
      writer.nodeId(nodeId).u48(incarnation).u8(listed.length);
      for (const address of listed) writer.text(address);
    }
    frames.push(writer.finish());
  }
  return frames;
}

/** Starts behind the kind. Null: malformed or of another version. */
export function decodeAddresses(payload: Uint8Array): KnownAddresses[] | null {
  const reader = new ByteReader(payload);
  if (reader.u8() !== frameVersion) return null;
  const known: KnownAddresses[] = [];
  while (reader.remainingSizeBytes > 0 && !reader.isMalformed) {
    const nodeId = reader.nodeId();
    const incarnation = reader.u48();
    const count = reader.u8();
    if (count > memberLimits.addressesMax) return null;
    const addresses: string[] = [];
    for (let i = 0; i < count && !reader.isMalformed; i++) addresses.push(reader.text());
    if (addresses.some(({ length }) => length > memberLimits.addressLengthMax)) return null;
    known.push({ nodeId, incarnation, addresses });
  }
  const isTooMany = known.length > memberLimits.addressNodesPerFrameMax;
  return reader.isMalformed || isTooMany ? null : known;
}
