import type { RecordsDigest } from "../state-machine.ts";
import { hashRecord, KeyDigest } from "./key-digest.ts";

/** Records below this prefix are the state machine's. */
export const applicationPrefix = "a/";

/** The digest of the replicated state, made from nothing but its records, one by one and in any order. */
export class StateDigest {
  readonly #application: RecordsDigest;
  readonly #own = new KeyDigest();

  constructor(application: RecordsDigest) {
    this.#application = application;
  }

  add(key: string, value: Uint8Array): void {
    if (key.startsWith(applicationPrefix)) {
      this.#application.add(key.slice(applicationPrefix.length), value);
    } else {
      this.#own.add(hashRecord(key, Buffer.from(value).toString("utf8")));
    }
  }

  /** As `AgreedState.digest` has it, had it always applied the same. */
  hex(): string {
    return this.#application.digest() + this.#own.hex();
  }
}
