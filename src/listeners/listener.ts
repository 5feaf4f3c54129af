/** A door for clients; made by `listenTcp` and `listenWebSocket`. */
export interface Listener {
  readonly host: string;
  /** The port it really has. */
  readonly port: number;
  /** No new connections; those that exist go on. */
  stopAccepting(): Promise<void>;
}

export interface ListenOptions {
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  /** True: a taken port is an error. False: the next free one is taken. */
  readonly isPortFixed: boolean;
  /** How the operator calls it, for the error: `--mqtt`. */
  readonly optionName: string;
  /**
   * WebSocket on a loopback host: true lets in pages of any origin. Else only pages of this machine, because any web page
   * reaches loopback through the browser of the person beside it.
   */
  readonly isOpen?: boolean;
  /** PEM texts; with them the listener speaks TLS. */
  readonly tls?: { readonly certificate: string; readonly key: string };
}
