import { ClusterError } from "../errors.ts";
import { failureMessageLengthMax } from "../limits.ts";
import type { Cancel, Clock } from "../ports.ts";

export interface RequestTableOptions {
  readonly clock: Clock;
  readonly outstandingMax: number;
  /** Of one frame: a payload must leave room for the request's own fields. */
  readonly frameSizeBytesMax: number;
  /** False: the queue to the peer is full. */
  readonly send: (frame: Uint8Array) => boolean;
  readonly serve: (kind: string, payload: Uint8Array) => Promise<Uint8Array>;
}

interface Pending {
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: ClusterError) => void;
  readonly cancelTimeout: Cancel;
}

const FrameType = { request: 1, answer: 2, failure: 3 } as const;

/** Type, id and, in a request, the length of the kind. */
const headerSizeBytes = 5;
const kindLengthMax = 255;

/** The requests between two nodes, both ways, over one stream of frames in each direction. */
export class RequestTable {
  readonly #options: RequestTableOptions;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #serving = 0;
  #isClosed = false;

  constructor(options: RequestTableOptions) {
    this.#options = options;
  }

  /** Rejects with `timeout`, `queue-full`, `frame-too-large`, `remote-failure` or `link-closed`. */
  request(kind: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const refusal = this.#refusalOf(kind, payload);
    if (refusal) return Promise.reject(refusal);
    const id = this.#nextId();
    return new Promise((resolve, reject) => {
      const cancelTimeout = this.#options.clock.after(timeoutMs, () => {
        this.#pending.delete(id);
        const message = `request ${kind} got no answer within ${timeoutMs} ms`;
        reject(new ClusterError("timeout", message, { kind, timeoutMs }));
      });
      this.#pending.set(id, { resolve, reject, cancelTimeout });
      if (!this.#options.send(encodeRequest(id, kind, payload))) {
        this.#settle(id)?.reject(queueFull(`the queue of requests to the peer is full`, kind));
      }
    });
  }

  /** Throws `frame-malformed`: the peer does not follow the protocol. */
  receive(frame: Uint8Array): void {
    if (this.#isClosed) return;
    if (frame.length < headerSizeBytes) throw malformed("a request frame is too short");
    const view = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
    const id = view.readUInt32BE(1);
    // Requests and answers outlive the call that brought them, so their bytes are copied.
    const body = view.subarray(headerSizeBytes);
    if (view[0] === FrameType.request) this.#serve(id, body);
    else if (view[0] === FrameType.answer) this.#settle(id)?.resolve(new Uint8Array(body));
    else if (view[0] === FrameType.failure) {
      const message = body.toString("utf8");
      this.#settle(id)?.reject(new ClusterError("remote-failure", message, {}));
    } else throw malformed(`a request frame has the unknown type ${view[0]}`);
  }

  /** The link is gone: whoever waits is told. */
  close(): void {
    this.#isClosed = true;
    for (const id of [...this.#pending.keys()]) {
      const message = "the link closed before the answer came";
      this.#settle(id)?.reject(new ClusterError("link-closed", message));
    }
  }

  #refusalOf(kind: string, payload: Uint8Array): ClusterError | null {
    if (this.#isClosed) return new ClusterError("link-closed", "the link is closed");
    const kindLength = Buffer.byteLength(kind);
    const sizeBytes = headerSizeBytes + 1 + kindLength + payload.length;
    if (kindLength > kindLengthMax || sizeBytes > this.#options.frameSizeBytesMax) {
      const message = `request ${kind} has ${sizeBytes} bytes, the limit is ${this.#options.frameSizeBytesMax}`;
      return new ClusterError("frame-too-large", message, { kind, sizeBytes });
    }
    if (this.#pending.size < this.#options.outstandingMax) return null;
    return queueFull(`${this.#pending.size} requests to the peer wait for an answer`, kind);
  }

  #serve(id: number, body: Buffer): void {
    const kindLength = body[0];
    if (kindLength === undefined || body.length < 1 + kindLength) {
      throw malformed("a request ends within its kind");
    }
    const kind = body.toString("utf8", 1, 1 + kindLength);
    const payload = new Uint8Array(body.subarray(1 + kindLength));
    if (this.#serving >= this.#options.outstandingMax) {
      this.#answer(FrameType.failure, id, Buffer.from("too many requests at once"));
      return;
    }
    this.#serving++;
    void this.#run(id, kind, payload);
  }

  async #run(id: number, kind: string, payload: Uint8Array): Promise<void> {
    try {
      const answer = await this.#options.serve(kind, payload);
      if (headerSizeBytes + answer.length > this.#options.frameSizeBytesMax) {
        throw new Error(
          `the answer to ${kind} has ${answer.length} bytes, more than a frame holds`,
        );
      }
      this.#answer(FrameType.answer, id, answer);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const cut = message.slice(0, failureMessageLengthMax);
      this.#answer(FrameType.failure, id, Buffer.from(cut));
    } finally {
      this.#serving--;
    }
  }

  /** A dropped answer is counted by `send`; the requester's timeout tells it. */
  #answer(type: number, id: number, body: Uint8Array): void {
    if (this.#isClosed) return;
    const frame = Buffer.allocUnsafe(headerSizeBytes + body.length);
    frame[0] = type;
    frame.writeUInt32BE(id, 1);
    frame.set(body, headerSizeBytes);
    this.#options.send(frame);
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.cancelTimeout();
    return pending;
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }
}

function encodeRequest(id: number, kind: string, payload: Uint8Array): Uint8Array {
  const kindBytes = Buffer.from(kind);
  const frame = Buffer.allocUnsafe(headerSizeBytes + 1 + kindBytes.length + payload.length);
  frame[0] = FrameType.request;
  frame.writeUInt32BE(id, 1);
  frame[headerSizeBytes] = kindBytes.length;
  frame.set(kindBytes, headerSizeBytes + 1);
  frame.set(payload, headerSizeBytes + 1 + kindBytes.length);
  return frame;
}

function queueFull(message: string, kind: string): ClusterError {
  return new ClusterError("queue-full", message, { kind });
}

function malformed(message: string): ClusterError {
  return new ClusterError("frame-malformed", message);
}
