import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { defaultCrypto } from "@chainsafe/libp2p-noise/crypto";

const algorithm = "chacha20-poly1305";
const tagSizeBytes = 16;
const options = { authTagLength: tagSizeBytes } as const;

/** Noise's own cipher, in WebAssembly, is the faster one up to here. */
const smallSizeBytesMax = 512;

/** Below, the pieces of a frame are joined for the cipher, above it takes them one by one: a call of it costs about as much as to copy this much. */
const joinedSizeBytesMax = 4096;

/** By the bytes that Noise keeps for each direction of a connection. */
const keyObjects = new WeakMap<Uint8Array, KeyObject>();

/** Node.js makes a key of bare bytes anew at each use, which costs more than to encrypt ten kilobytes with it. */
function keyObjectOf(bytes: Uint8Array): KeyObject {
  let key = keyObjects.get(bytes);
  if (key === undefined) {
    key = createSecretKey(bytes);
    keyObjects.set(bytes, key);
  }
  return key;
}

type Crypto = typeof defaultCrypto;

const encrypt: Crypto["chaCha20Poly1305Encrypt"] = (plaintext, nonce, ad, key) => {
  if (plaintext.byteLength <= smallSizeBytesMax || ad.length > 0) {
    return defaultCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key);
  }
  const cipher = createCipheriv(algorithm, keyObjectOf(key), nonce, options);
  if (plaintext instanceof Uint8Array) {
    const encrypted = cipher.update(plaintext);
    cipher.final();
    return Buffer.concat([encrypted, cipher.getAuthTag()]);
  }
  // An empty list of the same kind. The connection joins it with the length that goes before, once for all.
  const sealed = plaintext.sublist(0, 0);
  const isJoined = plaintext.byteLength < joinedSizeBytesMax;
  const pieces = isJoined ? [plaintext.subarray()] : plaintext;
  for (const piece of pieces) sealed.append(cipher.update(piece));
  cipher.final();
  sealed.append(cipher.getAuthTag());
  return sealed;
};

const decrypt: Crypto["chaCha20Poly1305Decrypt"] = (ciphertext, nonce, ad, key, destination) => {
  const sizeBytes = ciphertext.byteLength - tagSizeBytes;
  if (sizeBytes <= smallSizeBytesMax || ad.length > 0) {
    return defaultCrypto.chaCha20Poly1305Decrypt(ciphertext, nonce, ad, key, destination);
  }
  const bytes = ciphertext.subarray();
  const decipher = createDecipheriv(algorithm, keyObjectOf(key), nonce, options);
  decipher.setAuthTag(bytes.subarray(sizeBytes));
  const plaintext = decipher.update(bytes.subarray(0, sizeBytes));
  // Throws when the tag does not fit.
  decipher.final();
  return plaintext;
};

/**
 * Noise's functions with a faster ChaCha20-Poly1305 for what travels after the handshake; the handshake itself, whose messages have
 * associated data, is left to the library.
 */
export const noiseCrypto: Crypto = {
  ...defaultCrypto,
  chaCha20Poly1305Encrypt: encrypt,
  chaCha20Poly1305Decrypt: decrypt,
};
