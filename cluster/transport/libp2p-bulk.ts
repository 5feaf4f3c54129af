import type { Connection, Stream } from "@libp2p/interface";
import { ClusterError } from "../errors.ts";
import { chunkSizeBytesMax, type TransportLimits } from "../limits.ts";
import {
  type BulkFrame,
  BulkSum,
  bulkChunkOverheadSizeBytes,
  decodeBulkFrame,
  encodeBulkFrame,
} from "./bulk-frame.ts";
import { framePrefixSizeBytes } from "./frame-reader.ts";
import { drained, readFrames } from "./libp2p-stream.ts";

export const bulkProtocol = "/flockmq/bulk/1";

/**
 * Sends one transfer on a stream of its own and waits until the receiver's handler is done with it.
 * Rejects with `link-closed`, `remote-failure`, `frame-too-large`, or whatever `chunks` throws.
 */
export async function sendBulk(
  connection: Connection,
  limits: TransportLimits,
  kind: string,
  header: Uint8Array,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const stream = await connection.newStream(bulkProtocol).catch((cause: unknown) => {
    throw new ClusterError("link-closed", "the link closed before the transfer began", {}, cause);
  });
  const verdict = receiverVerdict(stream);
  try {
    await writeTransfer(stream, limits, kind, header, chunks, verdict);
    await verdict.promise;
    await stream.close();
  } catch (error) {
    // The receiver's own words explain more than the failed write that they caused.
    const failure = verdict.failure ?? error;
    stream.abort(error instanceof Error ? error : new Error(String(error)));
    throw failure;
  }
}

interface Verdict {
  /** Resolves with the receiver's `done`. */
  readonly promise: Promise<void>;
  isDone: boolean;
  failure: ClusterError | null;
}

function receiverVerdict(stream: Stream): Verdict {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const verdict: Verdict = { promise, isDone: false, failure: null };
  // It may fail long before it is awaited.
  promise.catch(() => {});
  const fail = (failure: ClusterError): void => {
    verdict.failure ??= failure;
    reject(failure);
  };
  const onFrame = (bytes: Uint8Array): void => {
    const frame = decodeBulkFrame(bytes);
    if (frame.type === "done") {
      verdict.isDone = true;
      resolve();
    } else if (frame.type === "failed") fail(new ClusterError("remote-failure", frame.message));
  };
  const onFault = (error: unknown): void => {
    fail(new ClusterError("frame-malformed", "malformed answer to a bulk transfer", {}, error));
  };
  readFrames(stream, chunkSizeBytesMax, onFrame, onFault);
  stream.addEventListener("close", ({ error }) => {
    if (verdict.isDone) return;
    fail(new ClusterError("link-closed", "the transfer was cut", {}, error));
  });
  return verdict;
}

async function writeTransfer(
  stream: Stream,
  limits: TransportLimits,
  kind: string,
  header: Uint8Array,
  chunks: AsyncIterable<Uint8Array>,
  verdict: Verdict,
): Promise<void> {
  const write = (frame: BulkFrame): Promise<void> => writeFrame(stream, limits, frame, verdict);
  const sum = new BulkSum();
  await write({ type: "header", kind, header });
  for await (const bytes of chunks) {
    sum.add(bytes);
    await write({ type: "chunk", bytes });
    if (verdict.isDone) return;
  }
  await write(sum.trailer());
}

async function writeFrame(
  stream: Stream,
  limits: TransportLimits,
  frame: BulkFrame,
  verdict: Verdict,
): Promise<void> {
  const bytes = encodeBulkFrame(frame);
  if (bytes.length > limits.frameSizeBytesMax) {
    const most = limits.frameSizeBytesMax - bulkChunkOverheadSizeBytes;
    const message = `a bulk ${frame.type} of ${bytes.length} bytes, at most ${most} are possible`;
    throw new ClusterError("frame-too-large", message, { sizeBytes: bytes.length });
  }
  if (verdict.failure) throw verdict.failure;
  const prefix = Buffer.alloc(framePrefixSizeBytes);
  prefix.writeUInt32BE(bytes.length);
  if (stream.writeStatus !== "writable")
    throw new ClusterError("link-closed", "the transfer was cut");
  const isFull = !stream.send(Buffer.concat([prefix, bytes]));
  // A receiver that fails or is done does not drain the stream any more.
  if (isFull && !verdict.isDone) await Promise.race([drained(stream), verdict.promise]);
}

/** The receiver's end of one transfer: `handle` pulls the chunks, then the sender learns how it went. */
export async function receiveBulk(
  stream: Stream,
  limits: TransportLimits,
  handle: (kind: string, header: Uint8Array, chunks: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const inbox = new BulkInbox(stream, limits);
  try {
    const header = await inbox.next();
    if (header?.type !== "header") {
      throw new ClusterError("frame-malformed", "a bulk transfer begins without a header");
    }
    await handle(header.kind, header.header, chunksOf(inbox));
    await answer(stream, { type: "done" });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    await answer(stream, { type: "failed", message }).catch((cause: Error) => stream.abort(cause));
  } finally {
    inbox.discard();
  }
}

/** Ends with the trailer, when all that was sent has arrived; throws when the transfer is cut or damaged. */
async function* chunksOf(inbox: BulkInbox): AsyncGenerator<Uint8Array> {
  const sum = new BulkSum();
  for (;;) {
    const frame = await inbox.next();
    if (frame.type === "trailer") {
      sum.check(frame);
      return;
    }
    if (frame.type !== "chunk") {
      throw new ClusterError("frame-malformed", `${frame.type} amid the chunks of a transfer`);
    }
    sum.add(frame.bytes);
    yield frame.bytes;
  }
}

async function answer(stream: Stream, frame: BulkFrame): Promise<void> {
  if (stream.status !== "open") return;
  const bytes = encodeBulkFrame(frame);
  const prefix = Buffer.alloc(framePrefixSizeBytes);
  prefix.writeUInt32BE(bytes.length);
  stream.send(Buffer.concat([prefix, bytes]));
  await stream.close();
}

/** Frames that arrived ahead of their consumer, bounded: when they are many the sender has to wait. */
class BulkInbox {
  readonly #stream: Stream;
  readonly #frames: { frame: BulkFrame; sizeBytes: number }[] = [];
  readonly #readAheadSizeBytesMax: number;
  #queuedBytes = 0;
  #isDiscarding = false;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;

  constructor(stream: Stream, limits: TransportLimits) {
    this.#stream = stream;
    this.#readAheadSizeBytesMax = limits.bulkReadAheadSizeBytesMax;
    const onFrame = (bytes: Uint8Array): void => this.#push(bytes);
    readFrames(stream, limits.frameSizeBytesMax, onFrame, (error) => this.#fail(error));
    stream.addEventListener("close", ({ error }) => {
      this.#fail(new ClusterError("link-closed", "the transfer was cut", {}, error));
    });
    stream.addEventListener("remoteCloseWrite", () => {
      this.#fail(new ClusterError("link-closed", "the transfer ended before its trailer"));
    });
  }

  /** Frames that arrived before a failure are still handed out: the trailer may be among them. */
  async next(): Promise<BulkFrame> {
    for (;;) {
      const first = this.#frames.shift();
      if (first) {
        this.#queuedBytes -= first.sizeBytes;
        if (this.#queuedBytes <= this.#readAheadSizeBytesMax) this.#resume();
        return first.frame;
      }
      if (this.#failure) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The handler is done: what still comes is read and forgotten, so that the stream can end. */
  discard(): void {
    this.#isDiscarding = true;
    this.#frames.length = 0;
    this.#resume();
  }

  #push(bytes: Uint8Array): void {
    if (this.#isDiscarding) return;
    this.#frames.push({ frame: decodeBulkFrame(bytes), sizeBytes: bytes.length });
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes > this.#readAheadSizeBytesMax && this.#stream.readStatus === "readable") {
      this.#stream.pause();
    }
    this.#wake?.();
  }

  #fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
    this.#wake?.();
  }

  #resume(): void {
    if (this.#stream.readStatus === "paused") this.#stream.resume();
  }
}
