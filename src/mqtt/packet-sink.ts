import type { TopicBytes } from "./topic-bytes.ts";

/** What may be asked of `reserve` at once; larger packets get memory of their own and are pushed. */
export const RESERVED_SIZE_BYTES_MAX = 2048;

/**
 * Where packets for one client are collected. Small ones are written straight into memory that many share, because a
 * buffer per packet costs more than its bytes.
 */
export interface PacketSink {
  /** Where the room from the last `reserve` lies. */
  readonly bytes: Buffer;
  /** Many sinks may share one. */
  readonly topics: TopicBytes;
  /**
   * Room for the next `sizeBytes` bytes of the stream, at most RESERVED_SIZE_BYTES_MAX: answers where they start in
   * `bytes`. The caller fills all of it before anything else happens to the sink.
   */
  reserve(sizeBytes: number): number;
  /** The next bytes of the stream are `bytes[start, end)`, one packet as it was received; they stay as they are until all that came with it is read. */
  passOn(bytes: Buffer, start: number, end: number): void;
  /** The next bytes of the stream, which go to other clients, too; nobody may change them afterwards. */
  share(bytes: Buffer): void;
  /** The next bytes of the stream; nobody may change them afterwards. */
  push(bytes: Buffer): void;
}
