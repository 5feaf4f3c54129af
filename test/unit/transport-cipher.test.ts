import { randomBytes } from "node:crypto";
import { defaultCrypto } from "@chainsafe/libp2p-noise/crypto";
import { describe, expect, test } from "vitest";
import { noiseCrypto } from "../../cluster/transport/libp2p-cipher.ts";

const key = randomBytes(32);
const nonce = randomBytes(12);
const nothing = new Uint8Array(0);
const sizes = [0, 1, 511, 512, 513, 1199, 1200, 25_000, 65_519];

describe("the cipher of the links", () => {
  test.each(sizes)("writes and reads %d bytes as the library does", (size) => {
    const plaintext = randomBytes(size);
    const sealed = noiseCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, nothing, key).slice();
    const theirs = defaultCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, nothing, key).slice();
    expect(Buffer.from(sealed).equals(theirs)).toBe(true);
    const opened = noiseCrypto.chaCha20Poly1305Decrypt(theirs, nonce, nothing, key).slice();
    expect(Buffer.from(opened).equals(plaintext)).toBe(true);
  });

  test.each([100, 25_000])("refuses %d bytes of which one bit flipped", (size) => {
    const sealed = noiseCrypto.chaCha20Poly1305Encrypt(randomBytes(size), nonce, nothing, key);
    const bytes = Buffer.from(sealed.slice());
    bytes[size >> 1]! ^= 1;
    expect(() => noiseCrypto.chaCha20Poly1305Decrypt(bytes, nonce, nothing, key)).toThrow();
  });

  test("takes associated data into account, as in the handshake", () => {
    const data = randomBytes(32);
    const plaintext = randomBytes(2000);
    const sealed = noiseCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, data, key).slice();
    const opened = defaultCrypto.chaCha20Poly1305Decrypt(sealed, nonce, data, key).slice();
    expect(Buffer.from(opened).equals(plaintext)).toBe(true);
    expect(() => noiseCrypto.chaCha20Poly1305Decrypt(sealed, nonce, nothing, key)).toThrow();
  });
});
