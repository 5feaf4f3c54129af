import { randomBytes } from "node:crypto";
import { accessLimits } from "./limits.ts";
import { preparedPassword } from "./saslprep.ts";
import { deriveScramRecord, hmac, isSameKey, type ScramRecord } from "./scram-record.ts";

export type PasswordVerdict = "right" | "wrong" | "busy";

interface Remembered {
  readonly storedKey: Buffer;
  /** Of the password, under a key that this process made for itself. */
  readonly tag: Buffer;
}

/**
 * Compares passwords with records. A comparison is expensive by design, so only a few run at once, on threads that the disk needs too,
 * and what was right is remembered: a thousand robots that come back after a power cut cost no second derivation each.
 */
export class PasswordChecks {
  readonly #tagKey = randomBytes(32);
  readonly #remembered = new Map<string, Remembered>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #derivations = 0;

  /** Passwords that cost the whole work. */
  get derivationCount(): number {
    return this.#derivations;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  async check(name: string, record: ScramRecord, password: Buffer): Promise<PasswordVerdict> {
    if (password.length > accessLimits.passwordSizeBytesMax) return "wrong";
    const tag = hmac(this.#tagKey, password);
    const known = this.#remembered.get(name);
    const isKnown =
      known !== undefined &&
      isSameKey(known.storedKey, record.storedKey) &&
      isSameKey(known.tag, tag);
    if (isKnown) return "right";
    if (this.#waiting.length >= accessLimits.checksWaitingMax) return "busy";
    const derived = await this.#derive(password, record);
    if (!isSameKey(derived.storedKey, record.storedKey)) return "wrong";
    this.#remember(name, { storedKey: record.storedKey, tag });
    return "right";
  }

  async #derive(password: Buffer, { salt, iterations }: ScramRecord): Promise<ScramRecord> {
    this.#derivations++;
    if (this.#running >= accessLimits.checksAtOnceMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await deriveScramRecord(preparedPassword(password), salt, iterations);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      // The place goes to the next one as it is.
      else next();
    }
  }

  #remember(name: string, remembered: Remembered): void {
    this.#remembered.delete(name);
    this.#remembered.set(name, remembered);
    if (this.#remembered.size <= accessLimits.rememberedMax) return;
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }
}
