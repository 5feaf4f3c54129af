import { randomBytes } from "node:crypto";
import type { Connection, Stream } from "@libp2p/interface";
import { ClusterError } from "../errors.ts";
import { handshakeFrameSizeBytesMax, type TransportLimits } from "../limits.ts";
import type { NodeId } from "../node-id.ts";
import type { Cancel, Clock, Counters } from "../ports.ts";
import { FrameWriter } from "./frame-writer.ts";
import { Handshake, type HandshakeEffect } from "./handshake.ts";
import { decodeMessage, encodeMessage, nonceSizeBytes } from "./handshake-message.ts";
import type { Refusal } from "./hello.ts";
import { readFrames, withDeadline, writeFrames } from "./libp2p-stream.ts";
import type { Hello } from "./transport.ts";

export const helloProtocol = "/flockmq/hello/1";

/** How the opening of a connection ended. */
export type Opening =
  | { readonly type: "opened"; readonly hello: Hello }
  | { readonly type: "duplicate"; readonly hello: Hello }
  | { readonly type: "failed"; readonly error: ClusterError };

export interface ConnectionOptions {
  readonly connection: Connection;
  readonly remoteNodeId: NodeId;
  readonly helloKey: Uint8Array;
  readonly local: Hello;
  readonly protocolMajor: number;
  readonly limits: TransportLimits;
  readonly clock: Clock;
  readonly counters: Counters;
  /** This end has the last word: answer with `open()` or `rejectDuplicate()`. */
  readonly onDecide: (connection: PeerConnection, hello: Hello) => void;
  readonly onOpening: (connection: PeerConnection, opening: Opening) => void;
  /** This end refused the peer. */
  readonly onRefused: (connection: PeerConnection, refusal: Refusal) => void;
  /** Once, and only after the opening was "opened". `error` says why a reset happened. */
  readonly onDown: (connection: PeerConnection, reason: "reset" | "closed", error: unknown) => void;
}

/**
 * One connection between two nodes from the first byte to the last: the hello exchange, then goodbye and probe on the
 * same stream. Frames of the channels travel beside it, see `Lane`.
 */
export class PeerConnection {
  readonly connection: Connection;
  readonly remoteNodeId: NodeId;
  readonly #options: ConnectionOptions;
  readonly #handshake: Handshake;
  readonly #writer: FrameWriter;
  readonly #cancelTimeout: Cancel;
  #state: "opening" | "open" | "closed" = "opening";
  #stream: Stream | null = null;
  #onAlive: (() => void) | null = null;

  constructor(options: ConnectionOptions) {
    const { connection, local, helloKey, remoteNodeId, protocolMajor, limits, clock } = options;
    this.#options = options;
    this.connection = connection;
    this.remoteNodeId = remoteNodeId;
    const role = connection.direction === "outbound" ? "initiator" : "responder";
    const nonce = randomBytes(nonceSizeBytes);
    this.#handshake = new Handshake({ role, helloKey, local, remoteNodeId, nonce, protocolMajor });
    this.#writer = new FrameWriter({
      queueSizeBytesMax: handshakeFrameSizeBytesMax,
      endOfTurn: (run) => clock.endOfTurn(run),
    });
    this.#cancelTimeout = clock.after(limits.handshakeTimeoutMs, () => {
      const message = `no hello within ${limits.handshakeTimeoutMs} ms`;
      this.fail(new ClusterError("timeout", message));
    });
    connection.addEventListener("close", () => {
      this.fail(new ClusterError("link-closed", "the connection ended"));
    });
    if (role === "initiator") void this.#begin();
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** The peer opened the stream of the hello exchange. */
  acceptHelloStream(stream: Stream): void {
    if (this.#stream || this.connection.direction === "outbound") {
      this.fail(new ClusterError("frame-malformed", "the peer opened a second hello stream"));
      return;
    }
    this.#attach(stream);
  }

  open(): void {
    this.#run(this.#handshake.open());
  }

  rejectDuplicate(): void {
    this.#run(this.#handshake.rejectDuplicate());
  }

  /** Asks the peer whether it still holds this link; answers false after `probeTimeoutMs` of silence. */
  probe(answer: (isAlive: boolean) => void): void {
    const { clock, limits } = this.#options;
    const former = this.#onAlive;
    const cancel = clock.after(limits.probeTimeoutMs, () => {
      this.#onAlive = null;
      answer(false);
    });
    this.#onAlive = () => {
      former?.();
      cancel();
      answer(true);
    };
    this.#writer.push(encodeMessage({ type: "probe" }));
  }

  /** Cuts the connection; the peer sees a reset. */
  fail(error: unknown): void {
    if (this.#state === "closed") return;
    this.#close("reset", error);
    this.connection.abort(error instanceof Error ? error : new Error(String(error)));
  }

  /** Says goodbye, lets what is queued leave, closes. Resolves when the connection is gone. */
  async closeGracefully(): Promise<void> {
    if (this.#state === "closed") return;
    this.#writer.push(encodeMessage({ type: "goodbye" }));
    this.#writer.flush();
    this.#close("closed", null);
    await this.#endAfterPeer();
  }

  async #begin(): Promise<void> {
    try {
      this.#attach(await this.connection.newStream(helloProtocol));
      this.#run(this.#handshake.greeting());
    } catch (error) {
      const isUnsupported = error instanceof Error && error.name === "UnsupportedProtocolError";
      const code = isUnsupported ? "version-mismatch" : "unreachable";
      const message = isUnsupported ? "the peer speaks another protocol" : "no hello from the peer";
      this.fail(new ClusterError(code, message, {}, error));
    }
  }

  #attach(stream: Stream): void {
    this.#stream = stream;
    const onFault = (error: unknown): void => this.fail(error);
    stream.addEventListener("close", () => {
      this.fail(new ClusterError("link-closed", "the hello stream ended"));
    });
    writeFrames(stream, this.#writer, onFault);
    const onFrame = (frame: Uint8Array): void => this.#receive(frame);
    readFrames(stream, handshakeFrameSizeBytesMax, onFrame, onFault);
  }

  #receive(frame: Uint8Array): void {
    if (this.#state === "closed") {
      // Both ends said goodbye at once: neither has to wait for the other.
      if (decodeMessage(frame)?.type === "goodbye") void this.#endConnection();
      return;
    }
    if (!this.#handshake.isOver) {
      this.#run(this.#handshake.receive(frame));
      return;
    }
    switch (decodeMessage(frame)?.type) {
      case "probe":
        if (this.isOpen) this.#writer.push(encodeMessage({ type: "alive" }));
        return;
      case "alive":
        this.#onAlive?.();
        this.#onAlive = null;
        return;
      case "goodbye":
        this.#close("closed", null);
        void this.#endConnection();
        return;
      default:
        this.fail(new ClusterError("frame-malformed", "unknown frame on the hello stream"));
    }
  }

  #run(effects: readonly HandshakeEffect[]): void {
    for (const effect of effects) {
      if (this.#state === "closed") return;
      switch (effect.type) {
        case "send":
          this.#writer.push(effect.frame);
          // At once: frames of other streams must not overtake the decision.
          this.#writer.flush();
          break;
        case "decide":
          this.#options.onDecide(this, effect.hello);
          break;
        case "opened":
          this.#cancelTimeout();
          this.#state = "open";
          this.#options.onOpening(this, effect);
          break;
        case "duplicate":
          this.#end(effect, effect.isOurs);
          break;
        case "refused": {
          const { code, message } = effect.refusal;
          if (effect.isOurs) this.#options.onRefused(this, effect.refusal);
          this.#end({ type: "failed", error: new ClusterError(code, message) }, effect.isOurs);
          break;
        }
      }
    }
  }

  /** The exchange ended without a link; what was said last still leaves. */
  #end(opening: Opening, hasLastWord: boolean): void {
    this.#cancelTimeout();
    this.#state = "closed";
    this.#options.onOpening(this, opening);
    void (hasLastWord ? this.#endAfterPeer() : this.#endConnection());
  }

  #close(reason: "reset" | "closed", error: unknown): void {
    const wasOpen = this.#state === "open";
    this.#state = "closed";
    this.#cancelTimeout();
    if (wasOpen) {
      this.#options.onDown(this, reason, error);
      return;
    }
    const failure =
      error instanceof ClusterError
        ? error
        : new ClusterError("link-closed", "the connection ended before the hello", {}, error);
    this.#options.onOpening(this, { type: "failed", error: failure });
  }

  /**
   * Whoever has the last word lets the other end close the connection: closing with unread bytes in the socket makes
   * the system send a reset, which would overtake that word.
   */
  async #endAfterPeer(): Promise<void> {
    const { clock, limits } = this.#options;
    const ended = new Promise<void>((resolve) => {
      if (this.connection.status !== "open") resolve();
      this.connection.addEventListener("close", () => resolve(), { once: true });
    });
    await withDeadline(clock, limits.closeTimeoutMs, ended);
    await this.#endConnection();
  }

  async #endConnection(): Promise<void> {
    try {
      const signal = AbortSignal.timeout(this.#options.limits.closeTimeoutMs);
      await this.connection.close({ signal });
    } catch (error) {
      this.connection.abort(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
