import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { ClusterError } from "../errors.ts";

/** What the cluster secret is used for; each key is of no help in finding another one, or the secret. */
export interface SecretKeys {
  /** Mixed into the Noise handshake: with another one it fails before any frame is read. */
  readonly noisePrologue: Uint8Array;
  /** Signs the hello of each end. */
  readonly helloKey: Uint8Array;
  /** Eight hex digits, public: by mDNS only nodes with the same secret react to each other. */
  readonly discoveryTag: string;
}

/** The version of the wire: another number means another handshake. */
const label = "flockmq/peer/1";
const secretSizeBytesMin = 16;

/** HKDF-SHA256 (RFC 5869). Throws `option-invalid` when the secret is shorter than 16 bytes. */
export function deriveKeys(secret: Uint8Array): SecretKeys {
  if (secret.length < secretSizeBytesMin) {
    const message = `the cluster secret has ${secret.length} bytes, at least ${secretSizeBytesMin} are needed`;
    throw new ClusterError("option-invalid", message, { option: "cluster-secret-file" });
  }
  const derive = (purpose: string): Uint8Array =>
    new Uint8Array(hkdfSync("sha256", secret, label, `${label}/${purpose}`, 32));
  return {
    noisePrologue: derive("noise"),
    helloKey: derive("hello"),
    discoveryTag: Buffer.from(derive("mdns")).toString("hex", 0, 4),
  };
}

/** HMAC-SHA256 over the parts, each preceded by its length so that no two lists of parts look the same. */
export function macOf(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac("sha256", key).update(label);
  const length = Buffer.alloc(4);
  for (const part of parts) {
    length.writeUInt32BE(part.length);
    mac.update(length).update(part);
  }
  return mac.digest();
}

export function isSameMac(expected: Uint8Array, actual: Uint8Array): boolean {
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}
