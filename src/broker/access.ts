/** Who may come in and what they may do; the operator's choice, made elsewhere. */

export interface Credentials {
  readonly clientId: string;
  readonly username: string | null;
  readonly password: Buffer | null;
  /** Address of the client, without port. */
  readonly remoteAddress: string;
  readonly isLoopback: boolean;
}

/** Who a connection acts for, as the authenticator named it. */
export interface Identity {
  readonly clientId: string;
  readonly username: string | null;
}

export type AuthenticationResult =
  | { readonly isAllowed: true; readonly username: string | null }
  /** 0x86 bad user name or password, 0x87 not authorized. */
  | { readonly isAllowed: false; readonly reasonCode: 0x86 | 0x87; readonly detail: string };

export interface Authenticator {
  authenticate(credentials: Credentials): AuthenticationResult | Promise<AuthenticationResult>;
}

/** Asked once per message and per filter, so it answers at once. */
export interface Authorizer {
  canPublish(identity: Identity, topic: string): boolean;
  /** `filter` without the `$share/{ShareName}/` prefix. */
  canSubscribe(identity: Identity, filter: string): boolean;
}

export const allowEveryone: Authenticator = {
  authenticate: (credentials) => ({ isAllowed: true, username: credentials.username }),
};

export const allowEverything: Authorizer = {
  canPublish: () => true,
  canSubscribe: () => true,
};
