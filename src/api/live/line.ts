import type { LivePacket } from "./packet.ts";

/** The way to one viewer: a WebSocket or an event stream. */
export interface Line {
  /** Bytes that its socket has not taken yet. */
  readonly bufferedSizeBytes: number;
  readonly isOpen: boolean;
  send(packet: LivePacket): void;
  /** What `work` sends leaves in one write. */
  gather(work: () => void): void;
  /** `onPong` follows when the other end, or its system, has taken all that was sent before. */
  ping(): void;
  onPong(handler: () => void): void;
  onClose(handler: () => void): void;
  /** `code` and `reason` as WebSockets have them. */
  close(code: number, reason: string): void;
  terminate(): void;
}
