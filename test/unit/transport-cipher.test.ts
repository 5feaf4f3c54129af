import { randomBytes } from "node:crypto";
import { defaultCrypto } from "@chainsafe/libp2p-noise/crypto";
import { Uint8ArrayList } from "uint8arraylist";
import { describe, expect, test } from "vitest";
import { noiseCrypto } from "../../cluster/transport/libp2p-cipher.ts";

const key = randomBytes(32);
const nonce = randomBytes(12);
const nothing = new Uint8Array(0);
const sizes = [0, 1, 511, 512, 513, 1199, 1200, 25_000, 65_519];

type Pieces = Exclude<Parameters<typeof noiseCrypto.chaCha20Poly1305Encrypt>[0], Uint8Array>;

/** Noise has types of its own for the same class. */
function listOf(...pieces: Uint8Array[]): Pieces {
  return new Uint8ArrayList(...pieces) as unknown as Pieces;
}

describe("the cipher of the links", () => {
  test.each(sizes)("writes and reads %d bytes as the library does", (size) => {
    const plaintext = randomBytes(size);
    const sealed = noiseCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, nothing, key).slice();
    const theirs = defaultCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, nothing, key).slice();
    expect(Buffer.from(sealed).equals(theirs)).toBe(true);
    const opened = noiseCrypto.chaCha20Poly1305Decrypt(theirs, nonce, nothing, key).slice();
    expect(Buffer.from(opened).equals(plaintext)).toBe(true);
  });

  test.each(sizes)("writes %d bytes in pieces as it writes them in one", (size) => {
    const plaintext = randomBytes(size);
    const [early, late] = [Math.min(12, size), Math.max(0, size - 20)];
    const pieces = [0, early, Math.max(early, late), size];
    const list = listOf();
    for (let at = 1; at < pieces.length; at++) {
      list.append(plaintext.subarray(pieces[at - 1], pieces[at]));
    }
    const sealed = noiseCrypto.chaCha20Poly1305Encrypt(list, nonce, nothing, key);
    const whole = noiseCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, nothing, key);
    expect(sealed.byteLength).toBe(size + 16);
    expect(Buffer.from(sealed.slice()).equals(whole.slice())).toBe(true);
    expect(Buffer.from(list.slice()).equals(plaintext)).toBe(true);
  });

  test("copies no frame to encrypt it", () => {
    const list = listOf(new Uint8Array(12), new Uint8Array(50_000));
    list.subarray = () => {
      throw new Error("all pieces were joined");
    };
    const sealed = noiseCrypto.chaCha20Poly1305Encrypt(list, nonce, nothing, key);
    expect([...(sealed as Pieces)].map((piece) => piece.byteLength)).toEqual([12, 50_000, 16]);
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
