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
import type { ApiRole } from "./users-file.ts";

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
    const { username, password, clientId, certificateName } = credentials;
    if (certificateName !== null) {
      // Whatever CONNECT says: this one is proved already.
      const user = directory?.find(certificateName) ?? null;
      if (user !== null) return admitted(user, clientId);
      return { isAllowed: true, username: certificateName };
    }
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

  /** For the HTTP API. Null: the name or the password is wrong. */
  async roleOf(name: string, password: Buffer): Promise<ApiRole | "busy" | null> {
    if (this.#directory === null) return null;
    const result = await this.#withPassword(
      this.#directory,
      saslprep(name) ?? name,
      password,
      null,
    );
    if (!result.isAllowed) return result.reason === "busy" ? "busy" : null;
    return this.#directory.find(result.username ?? "")?.role ?? null;
  }

  async #withPassword(
    directory: UserDirectory,
    name: string,
    password: Buffer,
    clientId: string | null,
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
    if (isRight && clientId === null) return { isAllowed: true, username: name };
    return isRight
      ? admitted(current, clientId ?? "")
      : refused(ReasonCode.badUserNameOrPassword, "wrong-password", "wrong password");
  }
}
