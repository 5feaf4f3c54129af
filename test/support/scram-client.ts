import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

const sha256 = (bytes: Buffer): Buffer => createHash("sha256").update(bytes).digest();
const hmac = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** The client's side of SCRAM-SHA-256, written on its own so that a test compares two readings of RFC 5802. */
export class ScramClient {
  readonly #password: string;
  readonly #bare: string;
  readonly #header: string;
  #signature = "";

  constructor(username: string, password: string, nonce: string, header = "n,,") {
    this.#password = password;
    this.#header = header;
    this.#bare = `n=${username},r=${nonce}`;
  }

  first(): Buffer {
    return Buffer.from(this.#header + this.#bare);
  }

  final(serverFirst: Buffer): Buffer {
    const text = serverFirst.toString();
    const [, nonce = "", salt = "", count = ""] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(text) ?? [];
    const salted = pbkdf2Sync(
      this.#password,
      Buffer.from(salt, "base64"),
      Number(count),
      32,
      "sha256",
    );
    const withoutProof = `c=${Buffer.from(this.#header).toString("base64")},r=${nonce}`;
    const message = `${this.#bare},${text},${withoutProof}`;
    const clientKey = hmac(salted, "Client Key");
    const mask = hmac(sha256(clientKey), message);
    const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (mask[at] ?? 0)));
    this.#signature = hmac(hmac(salted, "Server Key"), message).toString("base64");
    return Buffer.from(`${withoutProof},p=${proof.toString("base64")}`);
  }

  /** Does the server know the password, too? */
  isProvedBy(serverFinal: Buffer): boolean {
    return serverFinal.toString() === `v=${this.#signature}`;
  }
}
