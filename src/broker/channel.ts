import type { BriefMemory } from "../mqtt/brief-memory.ts";

/** The byte stream under a connection: a TCP or TLS socket, or a WebSocket. Listeners make them. */
export interface Channel {
  /** For people and the authenticator: the address without port. */
  readonly remoteAddress: string;
  readonly isLoopback: boolean;
  /** Who the client is by a certificate that was checked; left out and null: it has shown none. */
  readonly certificateName?: string | null;
  /** Hands all buffers over in one go, in order. `written`: called when nobody reads them any more; never, where the channel is gone. */
  write(chunks: readonly Buffer[], written?: () => void): void;
  /** Bytes handed over that the operating system has not taken yet. */
  bufferedSizeBytes(): number;
  /** Says goodbye after what was written; incoming bytes may still arrive. */
  end(): void;
  /** Drops the connection at once. */
  destroy(): void;
  pauseReading(): void;
  resumeReading(): void;
}

/** What a channel tells its connection. */
export interface ChannelHandler {
  /** What came is `memory.bytes`. */
  received(memory: BriefMemory): void;
  /** Output that was buffered has gone out. */
  drained(): void;
  /** The client will say no more; `goodbye` closes our half too, once what it said before is answered. */
  ended(goodbye: () => void): void;
  /** The stream broke its own rules (WebSocket text frame): end it. */
  violated(detail: string): void;
  /** Nothing more comes or goes; called exactly once. */
  closed(): void;
}

/** Where listeners hand new connections; null = refused, the listener destroys the socket. */
export interface ChannelAcceptor {
  accept(channel: Channel): ChannelHandler | null;
  /**
   * A socket that has yet to become a channel, by an HTTP upgrade. False: too many wait, the listener destroys it; else the
   * listener owes one `upgradeEnded`, however it ends.
   */
  tryUpgrade(): boolean;
  upgradeEnded(): void;
}
