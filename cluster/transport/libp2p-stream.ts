import type { Stream } from "@libp2p/interface";
import type { Clock } from "../ports.ts";
import { FrameReader } from "./frame-reader.ts";
import type { FrameWriter } from "./frame-writer.ts";

/**
 * Calls `onFrame` for each frame that arrives; a view of the received bytes, valid during the call only.
 * Whatever is wrong with the stream, or thrown by `onFrame`, ends up in `onFault`: libp2p would make it an uncaught exception.
 */
export function readFrames(
  stream: Stream,
  frameSizeBytesMax: number,
  onFrame: (frame: Uint8Array) => void,
  onFault: (error: unknown) => void,
): void {
  const reader = new FrameReader(frameSizeBytesMax, onFrame);
  stream.addEventListener("message", ({ data }) => {
    try {
      if (data instanceof Uint8Array) reader.push(data);
      else for (const piece of data) reader.push(piece);
    } catch (error) {
      onFault(error);
    }
  });
}

/** Lets `writer` write to `stream`, chunk by chunk, as fast as the peer takes it. */
export function writeFrames(
  stream: Stream,
  writer: FrameWriter,
  onFault: (error: unknown) => void,
): void {
  stream.addEventListener("drain", () => writer.drained());
  writer.attach((chunk) => {
    try {
      return stream.send(chunk);
    } catch (error) {
      onFault(error);
      return false;
    }
  });
}

/**
 * Resolves when the peer takes more, or the stream is over. (libp2p's own `onDrain()` answers at once from its second
 * use on, since it keeps its first promise.)
 */
export function drained(stream: Stream): Promise<void> {
  if (!stream.writableNeedsDrain || stream.status !== "open") return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      stream.removeEventListener("drain", done);
      stream.removeEventListener("close", done);
      resolve();
    };
    stream.addEventListener("drain", done);
    stream.addEventListener("close", done);
  });
}

/**
 * Resolves when everything sent on the stream has reached the socket, or the stream is over. libp2p drops what Noise still
 * holds when a connection is closed too early, and tells the streams that there is room one turn before it is true.
 */
export async function flushed(stream: Stream, clock: Clock): Promise<void> {
  do {
    await drained(stream);
    await new Promise<void>((resolve) => clock.endOfTurn(resolve));
  } while (stream.status === "open" && (stream.writableNeedsDrain || stream.writeBufferLength > 0));
}

/** Resolves with `work` or after `timeoutMs`, whichever comes first. */
export async function withDeadline(
  clock: Clock,
  timeoutMs: number,
  work: Promise<void>,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.after(timeoutMs, resolve);
  await Promise.race([work, promise]);
  cancel();
}
