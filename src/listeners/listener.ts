/** A door for clients; made by `listenTcp` and `listenWebSocket`. */
export interface Listener {
  readonly host: string;
  /** The port it really has. */
  readonly port: number;
  /** No new connections; those that exist go on. */
  stopAccepting(): Promise<void>;
  /** Handshakes from now on use these; nothing without TLS. */
  renewTls?(settings: TlsSettings): void;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  /** True: a taken port is an error. False: the next free one is taken. */
  readonly isPortFixed: boolean;
  /** True: other processes that say so, too, may listen at the same port; the system spreads new connections over them. */
  readonly isShared?: boolean;
  /** How the operator calls it, for the error: `--mqtt`. */
  readonly optionName: string;
  /**
   * WebSocket on a loopback host: true lets in pages of any origin. Else only pages of this machine, because any web page
   * reaches loopback through the browser of the person beside it.
   */
  readonly isOpen?: boolean;
  /** With them the listener speaks TLS. */
  readonly tls?: TlsSettings | undefined;
}

/** "request": a client may show a certificate; "require": without one that `ca` signed the handshake fails. */
export type ClientAuth = "off" | "request" | "require";

/** PEM texts. */
export interface TlsSettings {
  readonly certificate: string;
  readonly key: string;
  /** Whose signature on a client's certificate counts. */
  readonly ca?: string | null;
  readonly clientAuth?: ClientAuth;
}
