/** Who may come in and what they may do; the operator's choice, made elsewhere. */

export interface Credentials {
  readonly clientId: string;
  readonly username: string | null;
  readonly password: Buffer | null;
  /** Address of the client, without port. */
  readonly remoteAddress: string;
  readonly isLoopback: boolean;
  /** By a TLS certificate that was checked, or null. */
  readonly certificateName: string | null;
}

/** Who a connection acts for, as the authenticator named it. One object for each connection: rules are kept by it. */
export interface Identity {
  readonly clientId: string;
  readonly username: string | null;
}

/** Why somebody was not let in; each has its counter. */
export type RefusalReason =
  | "anonymous"
  | "unknown-user"
  | "wrong-password"
  | "client-id"
  /** What was said is not what the method says. */
  | "malformed"
  /** Too many passwords wait to be checked. */
  | "busy";

export type AuthenticationResult =
  | { readonly isAllowed: true; readonly username: string | null }
  | AuthenticationRefusal;

export interface AuthenticationRefusal {
  readonly isAllowed: false;
  /** 0x86 bad user name or password, 0x87 not authorized, 0x89 server busy. */
  readonly reasonCode: 0x86 | 0x87 | 0x89;
  readonly reason: RefusalReason;
  /** For the log; the client is not told. */
  readonly detail: string;
}

/** One enhanced authentication (MQTT 5, section 4.12), from the client's first data to the verdict. */
export interface AuthenticationExchange {
  /** Null: the packet of the client had no Authentication Data. Not called again after a verdict. */
  step(data: Buffer | null): ExchangeStep;
}

export type ExchangeStep =
  | { readonly status: "continue"; readonly data: Buffer | null }
  | {
      readonly status: "admitted";
      readonly username: string;
      /** For the CONNACK, or the last AUTH. */
      readonly data: Buffer | null;
    }
  | { readonly status: "refused"; readonly refusal: AuthenticationRefusal };

export interface Authenticator {
  authenticate(credentials: Credentials): AuthenticationResult | Promise<AuthenticationResult>;
  /** Null: there is no such method. Left out: there is none at all. */
  beginExchange?(method: string, credentials: Credentials): AuthenticationExchange | null;
}

/** Reason code of a SUBACK: not authorized, or unspecified where the operator wants no reason told. */
export type SubscribeRefusal = 0x80 | 0x87;

/** Asked once per message and per filter, so it answers at once. */
export interface Authorizer {
  canPublish(identity: Identity, topic: string): boolean;
  /** Null: allowed. `filter` without the `$share/{ShareName}/` prefix. */
  subscribeRefusal(identity: Identity, filter: string): SubscribeRefusal | null;
}

export const allowEveryone: Authenticator = {
  authenticate: (credentials) => ({ isAllowed: true, username: credentials.username }),
};

export const allowEverything: Authorizer = {
  canPublish: () => true,
  subscribeRefusal: () => null,
};
