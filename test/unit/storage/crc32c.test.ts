import { expect, it } from "vitest";
import { crc32c, maskedCrc32c } from "../../../cluster/storage/files/crc32c.ts";

/** Vectors of RFC 3720, B.4, as LevelDB's own tests have them. */
it.each([
  ["zeros", new Uint8Array(32), 0x8a9136aa],
  ["ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ["rising", Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
  ["falling", Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
  ["digits", Buffer.from("123456789"), 0xe3069283],
])("CRC-32C of 32 %s", (_name, input, expected) => {
  expect(crc32c(input, 0, input.length)).toBe(expected);
  const shifted = Buffer.concat([Buffer.from("abc"), input, Buffer.from("d")]);
  expect(crc32c(shifted, 3, 3 + input.length)).toBe(expected);
});

it("a masked CRC is not the CRC", () => {
  const input = Buffer.from("123456789");
  expect(maskedCrc32c(input, 0, input.length)).toBe(masked(0xe3069283));
});

function masked(crc: number): number {
  const rotated = Number(((BigInt(crc) >> 15n) | (BigInt(crc) << 17n)) & 0xffffffffn);
  return Number((BigInt(rotated) + 0xa282ead8n) & 0xffffffffn);
}
