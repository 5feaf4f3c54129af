/** The messages of SCRAM (RFC 5802, section 7) as a server reads them. Pure. */

export interface ClientFirst {
  /** "n,,", "y,," or with an authorization identity; the client repeats it in its last message. */
  readonly gs2Header: string;
  /** What the signatures are about. */
  readonly bare: string;
  readonly username: string;
  /** Null: none given. */
  readonly authorizationId: string | null;
  readonly nonce: string;
}

export interface ClientFinal {
  /** "c=...": base64 of the header again. */
  readonly channelBinding: string;
  readonly nonce: string;
  readonly proof: Buffer;
  readonly withoutProof: string;
}

/** What is wrong with a message, for the log. */
export class ScramFault {
  readonly detail: string;
  constructor(detail: string) {
    this.detail = detail;
  }
}

const saslName = "(?:[^,=\\0]|=2C|=3D)+";
const clientFirst = new RegExp(`^((n|y|p=[A-Za-z0-9.-]+),(?:a=(${saslName}))?,)(.*)$`, "s");
const clientFirstBare = new RegExp(
  `^n=(${saslName}),r=([\\x21-\\x2b\\x2d-\\x7e]+)((?:,[A-Za-z]=[^,\\0]*)*)$`,
);
const clientFinal =
  /^(c=([A-Za-z0-9+/]+={0,2}),r=([\x21-\x2b\x2d-\x7e]+)((?:,[A-Za-z]=[^,\0]*)*)),p=([A-Za-z0-9+/]{43}=)$/;

export function parseClientFirst(data: Buffer): ClientFirst | ScramFault {
  const text = textOf(data);
  if (text === null) return new ScramFault("not UTF-8");
  const match = clientFirst.exec(text);
  if (match === null) return new ScramFault("no client-first message");
  const [, gs2Header = "", flag = "", authorizationId, bare = ""] = match;
  if (flag.startsWith("p")) return new ScramFault("channel binding is not offered");
  if (bare.startsWith("m=")) return new ScramFault("an extension that must be understood");
  const parts = clientFirstBare.exec(bare);
  if (parts === null) return new ScramFault("no client-first message");
  const [, username = "", nonce = ""] = parts;
  return {
    gs2Header,
    bare,
    username: decodeName(username),
    authorizationId: authorizationId === undefined ? null : decodeName(authorizationId),
    nonce,
  };
}

export function parseClientFinal(data: Buffer): ClientFinal | ScramFault {
  const match = clientFinal.exec(textOf(data) ?? "");
  if (match === null) return new ScramFault("no client-final message");
  const [, withoutProof = "", binding = "", nonce = "", , proof = ""] = match;
  return {
    channelBinding: Buffer.from(binding, "base64").toString("latin1"),
    nonce,
    proof: Buffer.from(proof, "base64"),
    withoutProof,
  };
}

function textOf(data: Buffer): string | null {
  const text = data.toString("utf8");
  return Buffer.from(text, "utf8").equals(data) ? text : null;
}

function decodeName(text: string): string {
  return text.replaceAll("=2C", ",").replaceAll("=3D", "=");
}
