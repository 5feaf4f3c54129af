import { saslprep } from "./saslprep.ts";
import { parseClientFinal, parseClientFirst, ScramFault } from "./scram-messages.ts";
import { hmac, isSameKey, type ScramRecord, sha256 } from "./scram-record.ts";

export interface ScramServer {
  /** What this server adds to the nonce: printable, without a comma, never the same twice. */
  readonly nonce: string;
  /** Of a name that nobody has, a record that no proof fits. */
  recordOf(username: string): ScramRecord;
}

export type ScramStep =
  | { readonly status: "continue"; readonly data: Buffer }
  | { readonly status: "proved"; readonly username: string; readonly data: Buffer }
  /** "wrong": the proof does not fit; "malformed": it never came to a proof. */
  | {
      readonly status: "failed";
      readonly reason: "wrong" | "malformed";
      readonly username: string | null;
      readonly detail: string;
    };

interface Begun {
  readonly username: string;
  readonly record: ScramRecord;
  readonly nonce: string;
  readonly gs2Header: string;
  /** client-first-message-bare and server-first-message, with a comma behind each. */
  readonly transcript: string;
}

/** The server's side of one SCRAM-SHA-256 exchange (RFC 5802, RFC 7677). The nonce is an argument: it is a pure machine. */
export class ScramExchange {
  readonly #server: ScramServer;
  #begun: Begun | null = null;

  constructor(server: ScramServer) {
    this.#server = server;
  }

  step(data: Buffer): ScramStep {
    return this.#begun === null ? this.#first(data) : this.#final(this.#begun, data);
  }

  #first(data: Buffer): ScramStep {
    const first = parseClientFirst(data);
    if (first instanceof ScramFault) return failed("malformed", null, first.detail);
    const username = saslprep(first.username) ?? first.username;
    const { authorizationId } = first;
    if (authorizationId !== null && authorizationId !== first.username) {
      return failed("wrong", username, "a user acts for itself only");
    }
    const record = this.#server.recordOf(username);
    const nonce = first.nonce + this.#server.nonce;
    const salt = record.salt.toString("base64");
    const serverFirst = `r=${nonce},s=${salt},i=${record.iterations}`;
    this.#begun = {
      ...{ username, record, nonce },
      gs2Header: first.gs2Header,
      transcript: `${first.bare},${serverFirst},`,
    };
    return { status: "continue", data: Buffer.from(serverFirst) };
  }

  #final({ username, record, nonce, gs2Header, transcript }: Begun, data: Buffer): ScramStep {
    const final = parseClientFinal(data);
    if (final instanceof ScramFault) return failed("malformed", username, final.detail);
    // Whoever changed the header on the way, to talk the client out of channel binding, is found here.
    const isSameHeader = final.channelBinding === Buffer.from(gs2Header).toString("latin1");
    if (!isSameHeader) return failed("malformed", username, "another header than before");
    if (final.nonce !== nonce) return failed("malformed", username, "another nonce");
    const authMessage = transcript + final.withoutProof;
    const clientKey = xor(final.proof, hmac(record.storedKey, authMessage));
    if (!isSameKey(sha256(clientKey), record.storedKey)) {
      return failed("wrong", username, "the proof does not fit");
    }
    const signature = hmac(record.serverKey, authMessage).toString("base64");
    return { status: "proved", username, data: Buffer.from(`v=${signature}`) };
  }
}

function failed(reason: "wrong" | "malformed", username: string | null, detail: string): ScramStep {
  return { status: "failed", reason, username, detail };
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, at) => byte ^ (b[at] ?? 0)));
}
