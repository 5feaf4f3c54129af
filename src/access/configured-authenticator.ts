import type {
  AuthenticationExchange,
  AuthenticationResult,
  Authenticator,
  Credentials,
} from "../broker/access.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import { admitted, refused } from "./admit.ts";
import { PasswordChecks } from "./password-checks.ts";
import { saslprep } from "./saslprep.ts";
import { ScramAuthentication, scramMethod } from "./scram-authentication.ts";
import { isSameKey } from "./scram-record.ts";
import type { UserDirectory } from "./user-directory.ts";

export interface AuthenticatorOptions {
  /** Null: there is no users file, and names are taken as they come. */
  readonly directory: UserDirectory | null;
  /** Clients without a name come in although there are users. */
  readonly isAnonymousAllowed: boolean;
}

/** Decides by what the operator configured: certificates, then users. */
export class ConfiguredAuthenticator implements Authenticator {
  readonly #directory: UserDirectory | null;
  readonly #isAnonymousAllowed: boolean;
  readonly #checks = new PasswordChecks();

  constructor({ directory, isAnonymousAllowed }: AuthenticatorOptions) {
    this.#directory = directory;
    this.#isAnonymousAllowed = isAnonymousAllowed;
  }

  authenticate(credentials: Credentials): AuthenticationResult | Promise<AuthenticationResult> {
    const directory = this.#directory;
    const { username, password, clientId } = credentials;
    if (directory === null) return { isAllowed: true, username };
    if (username === null) {
      if (this.#isAnonymousAllowed) return { isAllowed: true, username };
      return refused(ReasonCode.badUserNameOrPassword, "anonymous", "no user name");
    }
    const name = saslprep(username) ?? username;
    return this.#withPassword(directory, name, password ?? Buffer.alloc(0), clientId);
  }

  beginExchange(method: string, credentials: Credentials): AuthenticationExchange | null {
    if (this.#directory === null || method !== scramMethod) return null;
    return new ScramAuthentication(this.#directory, credentials);
  }

  async #withPassword(
    directory: UserDirectory,
    name: string,
    password: Buffer,
    clientId: string,
  ): Promise<AuthenticationResult> {
    const user = directory.find(name);
    const record = user?.record ?? directory.decoy(name);
    const verdict = await this.#checks.check(name, record, password);
    if (verdict === "busy") return refused(0x89, "busy", "too many passwords wait to be checked");
    // The file may have been read again meanwhile.
    const current = directory.find(name);
    if (user === null || current === null)
      return refused(ReasonCode.badUserNameOrPassword, "unknown-user", "unknown user");
    const isRight = verdict === "right" && isSameKey(current.record.storedKey, record.storedKey);
    // To the client that is the same as the one above.
    return isRight
      ? admitted(current, clientId)
      : refused(ReasonCode.badUserNameOrPassword, "wrong-password", "wrong password");
  }
}
