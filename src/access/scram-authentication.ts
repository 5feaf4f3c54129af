import { randomBytes } from "node:crypto";
import type { AuthenticationExchange, Credentials, ExchangeStep } from "../broker/access.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import { admitted, refused } from "./admit.ts";
import { accessLimits } from "./limits.ts";
import { saslprep } from "./saslprep.ts";
import { ScramExchange, type ScramStep } from "./scram-exchange.ts";
import { isSameKey, type ScramRecord } from "./scram-record.ts";
import type { UserDirectory } from "./user-directory.ts";

export const scramMethod = "SCRAM-SHA-256";
const nonceSizeBytes = 18;

/** SCRAM as a method of enhanced authentication: data of AUTH packets in, a verdict out. */
export class ScramAuthentication implements AuthenticationExchange {
  readonly #directory: UserDirectory;
  readonly #credentials: Credentials;
  readonly #exchange: ScramExchange;
  #record: ScramRecord | null = null;

  constructor(directory: UserDirectory, credentials: Credentials) {
    this.#directory = directory;
    this.#credentials = credentials;
    this.#exchange = new ScramExchange({
      nonce: randomBytes(nonceSizeBytes).toString("base64"),
      recordOf: (name) => {
        this.#record = directory.find(name)?.record ?? directory.decoy(name);
        return this.#record;
      },
    });
  }

  step(data: Buffer | null): ExchangeStep {
    if (data === null && this.#record === null) {
      // A client may leave the first word to the server, which in this method has nothing to say.
      return { status: "continue", data: null };
    }
    if (data === null || data.length > accessLimits.dataSizeBytesMax) {
      return {
        status: "refused",
        refusal: refused(ReasonCode.notAuthorized, "malformed", "no message of SCRAM"),
      };
    }
    return this.#judge(this.#exchange.step(data));
  }

  #judge(step: ScramStep): ExchangeStep {
    if (step.status === "continue") return step;
    if (step.status === "failed") {
      const { reason, username, detail } = step;
      if (reason === "malformed") {
        return {
          status: "refused",
          refusal: refused(ReasonCode.notAuthorized, "malformed", detail),
        };
      }
      const isKnown = username !== null && this.#directory.find(username) !== null;
      const why = isKnown ? "wrong-password" : "unknown-user";
      return { status: "refused", refusal: refused(ReasonCode.badUserNameOrPassword, why, detail) };
    }
    const { username, data } = step;
    const user = this.#directory.find(username);
    // The file may have been read again meanwhile.
    const isStill =
      user !== null && isSameKey(user.record.storedKey, this.#record?.storedKey ?? Buffer.alloc(0));
    if (!isStill) {
      return {
        status: "refused",
        refusal: refused(ReasonCode.badUserNameOrPassword, "unknown-user", "the user is gone"),
      };
    }
    const said = this.#credentials.username;
    if (said !== null && (saslprep(said) ?? said) !== username) {
      const refusal = refused(
        ReasonCode.badUserNameOrPassword,
        "malformed",
        "another user name in CONNECT than in SCRAM",
      );
      return { status: "refused", refusal };
    }
    const result = admitted(user, this.#credentials.clientId);
    return result.isAllowed
      ? { status: "admitted", username, data }
      : { status: "refused", refusal: result };
  }
}
