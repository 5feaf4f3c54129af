import { createHash, createHmac, pbkdf2, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { accessLimits } from "./limits.ts";

/** What is kept of a password (RFC 5802): enough to check one, not enough to log in with. */
export interface ScramRecord {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

const derive = promisify(pbkdf2);
const keySizeBytes = 32;
const form =
  /^SCRAM-SHA-256\$(\d{1,9}):([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]{43}=):([A-Za-z0-9+/]{43}=)$/;

/** `SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY`; answers the record, or what was expected. */
export function parseScramRecord(text: string): ScramRecord | string {
  const match = form.exec(text);
  if (match === null) return "SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY";
  const [, count, salt, storedKey, serverKey] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
  ];
  const iterations = Number(count);
  const { iterationsMin, iterationsMax, saltSizeBytesMin, saltSizeBytesMax } = accessLimits;
  if (iterations < iterationsMin || iterations > iterationsMax) {
    return `${iterationsMin} to ${iterationsMax} iterations, not ${iterations}`;
  }
  const record = {
    salt: Buffer.from(salt, "base64"),
    iterations,
    storedKey: Buffer.from(storedKey, "base64"),
    serverKey: Buffer.from(serverKey, "base64"),
  };
  const saltSizeBytes = record.salt.length;
  if (saltSizeBytes < saltSizeBytesMin || saltSizeBytes > saltSizeBytesMax) {
    return `a salt of ${saltSizeBytesMin} to ${saltSizeBytesMax} bytes, not ${saltSizeBytes}`;
  }
  return record;
}

export function formatScramRecord(record: ScramRecord): string {
  const [salt, storedKey, serverKey] = [record.salt, record.storedKey, record.serverKey].map(
    (bytes) => bytes.toString("base64"),
  );
  return `SCRAM-SHA-256$${record.iterations}:${salt}$${storedKey}:${serverKey}`;
}

/** The work of it happens off the event loop. `password` is normalized (saslprep.ts). */
export async function deriveScramRecord(
  password: string | Buffer,
  salt: Buffer,
  iterations: number,
): Promise<ScramRecord> {
  const salted = await derive(password, salt, iterations, keySizeBytes, "sha256");
  return recordOfSaltedPassword(salted, salt, iterations);
}

/** RFC 5802, section 3. */
export function recordOfSaltedPassword(
  salted: Buffer,
  salt: Buffer,
  iterations: number,
): ScramRecord {
  return {
    salt,
    iterations,
    storedKey: sha256(hmac(salted, "Client Key")),
    serverKey: hmac(salted, "Server Key"),
  };
}

/** In a time that does not depend on the keys. */
export function isSameKey(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

export function hmac(key: Buffer, text: string | Buffer): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

export function sha256(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}
