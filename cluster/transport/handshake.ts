import type { NodeId } from "../node-id.ts";
import {
  decodeMessage,
  encodeMessage,
  type HandshakeMessage,
  type MessageOf,
} from "./handshake-message.ts";
import { decodeHello, encodeHello, type Refusal, refusalOf, versionRefusal } from "./hello.ts";
import { isSameMac, macOf } from "./secret.ts";
import type { Hello } from "./transport.ts";

export type HandshakeEffect =
  | { readonly type: "send"; readonly frame: Uint8Array }
  /**
   * Both ends accepted each other, and this one, whose node id is the smaller, has the last word: call `open()` or
   * `rejectDuplicate()`. Only one end may decide, or two simultaneous dials could each lose the other's link.
   */
  | { readonly type: "decide"; readonly hello: Hello }
  | { readonly type: "opened"; readonly hello: Hello }
  /** The nodes are linked already, over another connection. */
  | { readonly type: "duplicate"; readonly hello: Hello; readonly isOurs: boolean }
  /** `isOurs`: this end refuses; otherwise the peer told us why it does. */
  | { readonly type: "refused"; readonly refusal: Refusal; readonly isOurs: boolean };

export interface HandshakeOptions {
  readonly role: "initiator" | "responder";
  readonly helloKey: Uint8Array;
  readonly local: Hello;
  /** As authenticated by Noise; the peer's hello must agree. */
  readonly remoteNodeId: NodeId;
  /** 32 random bytes, never used before. */
  readonly nonce: Uint8Array;
  readonly protocolMajor: number;
}

/**
 * The exchange on `/flockmq/hello/1`: greeting -> challenge -> proof -> accepted | decision -> decision.
 * Each end proves with a MAC over both nonces, both node ids and its hello that it holds the secret; each may refuse with
 * a reason that the other end learns. Synchronous: frames in, effects out.
 */
export class Handshake {
  readonly #options: HandshakeOptions;
  readonly #isArbiter: boolean;
  #state: "greeting" | "challenge" | "proof" | "accepted" | "deciding" | "decision" | "over";
  #remoteNonce: Uint8Array = new Uint8Array(0);
  #remote: Hello | null = null;

  constructor(options: HandshakeOptions) {
    this.#options = options;
    this.#isArbiter = options.local.nodeId < options.remoteNodeId;
    this.#state = options.role === "initiator" ? "challenge" : "greeting";
  }

  get isOver(): boolean {
    return this.#state === "over";
  }

  /** The initiator's first frame. */
  greeting(): HandshakeEffect[] {
    const { protocolMajor, nonce } = this.#options;
    return [send({ type: "greeting", protocol: protocolMajor, nonce })];
  }

  receive(frame: Uint8Array): HandshakeEffect[] {
    if (this.#state === "over") return [];
    const message = decodeMessage(frame);
    if (message === null) {
      return this.#refuse({ code: "frame-malformed", message: "malformed handshake frame" });
    }
    if (message.type === "refusal") {
      this.#state = "over";
      const { code, message: text } = message;
      return [{ type: "refused", refusal: { code, message: text }, isOurs: false }];
    }
    if (message.type === "greeting" && this.#state === "greeting") return this.#challenge(message);
    if (message.type === "challenge" && this.#state === "challenge") return this.#prove(message);
    if (message.type === "proof" && this.#state === "proof") return this.#accept(message);
    if (message.type === "accepted" && this.#state === "accepted") return this.#decide();
    if (message.type === "decision" && this.#state === "decision") return this.#finish(message);
    const text = `unexpected ${message.type} in a handshake that waits for ${this.#state}`;
    return this.#refuse({ code: "frame-malformed", message: text });
  }

  /** The arbiter makes this connection the link. */
  open(): HandshakeEffect[] {
    return this.#end(true);
  }

  /** The arbiter keeps the link that exists. */
  rejectDuplicate(): HandshakeEffect[] {
    return this.#end(false);
  }

  #challenge(message: MessageOf<"greeting">): HandshakeEffect[] {
    const mismatch = versionRefusal(this.#options.protocolMajor, message.protocol);
    if (mismatch) return this.#refuse(mismatch);
    this.#remoteNonce = message.nonce;
    this.#state = "proof";
    const hello = encodeHello(this.#options.local);
    const { protocolMajor: protocol, nonce } = this.#options;
    const mac = this.#mac("responder", hello);
    return [send({ type: "challenge", protocol, nonce, hello, mac })];
  }

  #prove(message: MessageOf<"challenge">): HandshakeEffect[] {
    const mismatch = versionRefusal(this.#options.protocolMajor, message.protocol);
    if (mismatch) return this.#refuse(mismatch);
    this.#remoteNonce = message.nonce;
    const refusal = this.#judge(message.hello, message.mac, "responder");
    if (refusal) return this.#refuse(refusal);
    this.#state = this.#isArbiter ? "accepted" : "decision";
    const hello = encodeHello(this.#options.local);
    return [send({ type: "proof", hello, mac: this.#mac("initiator", hello) })];
  }

  #accept(message: MessageOf<"proof">): HandshakeEffect[] {
    const refusal = this.#judge(message.hello, message.mac, "initiator");
    if (refusal) return this.#refuse(refusal);
    if (this.#isArbiter) return this.#decide();
    this.#state = "decision";
    return [send({ type: "accepted" })];
  }

  #decide(): HandshakeEffect[] {
    this.#state = "deciding";
    return [{ type: "decide", hello: this.#remote as Hello }];
  }

  #finish(message: MessageOf<"decision">): HandshakeEffect[] {
    this.#state = "over";
    const hello = this.#remote as Hello;
    return [
      message.isOpen ? { type: "opened", hello } : { type: "duplicate", hello, isOurs: false },
    ];
  }

  #end(isOpen: boolean): HandshakeEffect[] {
    if (this.#state !== "deciding") return [];
    this.#state = "over";
    const hello = this.#remote as Hello;
    return [
      send({ type: "decision", isOpen }),
      isOpen ? { type: "opened", hello } : { type: "duplicate", hello, isOurs: true },
    ];
  }

  /** Nothing in `hello` is looked at before its MAC is right. */
  #judge(hello: Uint8Array, mac: Uint8Array, sender: "initiator" | "responder"): Refusal | null {
    if (!isSameMac(this.#mac(sender, hello), mac)) {
      return { code: "wrong-secret", message: "handshake refused, cluster secrets differ" };
    }
    try {
      this.#remote = decodeHello(hello);
    } catch (error) {
      return { code: "frame-malformed", message: (error as Error).message };
    }
    if (this.#remote.nodeId !== this.#options.remoteNodeId) {
      return {
        code: "frame-malformed",
        message: "the peer's hello names another node than its key",
      };
    }
    return refusalOf(this.#options.local, this.#remote);
  }

  #mac(sender: "initiator" | "responder", hello: Uint8Array): Uint8Array {
    const { role, local, remoteNodeId, nonce, helloKey } = this.#options;
    const ours = [Buffer.from(local.nodeId), nonce];
    const theirs = [Buffer.from(remoteNodeId), this.#remoteNonce];
    const inOrder = role === "initiator" ? [...ours, ...theirs] : [...theirs, ...ours];
    return macOf(helloKey, [Buffer.from(sender), ...inOrder, hello]);
  }

  #refuse(refusal: Refusal): HandshakeEffect[] {
    this.#state = "over";
    return [send({ type: "refusal", ...refusal }), { type: "refused", refusal, isOurs: true }];
  }
}

function send(message: HandshakeMessage): HandshakeEffect {
  return { type: "send", frame: encodeMessage(message) };
}
