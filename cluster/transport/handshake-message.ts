import { failureMessageLengthMax } from "../limits.ts";
import type { Refusal } from "./hello.ts";

/** What travels on `/flockmq/hello/1`; after the decision the same stream carries the life of the link. */
export type HandshakeMessage =
  | { readonly type: "greeting"; readonly protocol: number; readonly nonce: Uint8Array }
  | {
      readonly type: "challenge";
      readonly protocol: number;
      readonly nonce: Uint8Array;
      readonly hello: Uint8Array;
      readonly mac: Uint8Array;
    }
  | { readonly type: "proof"; readonly hello: Uint8Array; readonly mac: Uint8Array }
  | { readonly type: "accepted" }
  | { readonly type: "decision"; readonly isOpen: boolean }
  | { readonly type: "refusal"; readonly code: Refusal["code"]; readonly message: string }
  /** This end closes the link on purpose. */
  | { readonly type: "goodbye" }
  /** Is the link alive? Asked when a second connection between the same nodes appears. */
  | { readonly type: "probe" }
  | { readonly type: "alive" };

export type MessageOf<Type extends HandshakeMessage["type"]> = Extract<
  HandshakeMessage,
  { readonly type: Type }
>;

export const nonceSizeBytes = 32;

const refusalCodes: readonly Refusal["code"][] = [
  "wrong-secret",
  "wrong-cluster",
  "version-mismatch",
  "unreachable",
  "frame-malformed",
];

/** JSON with base64: a handful of frames in the life of a link, readable in a trace, easy to extend. */
export function encodeMessage(message: HandshakeMessage): Uint8Array {
  // Not a replacer function: a Buffer's own toJSON would run before it.
  const fields = Object.entries(message).map(([key, value]: [string, unknown]) => [
    key,
    value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value,
  ]);
  return Buffer.from(JSON.stringify(Object.fromEntries(fields)));
}

/** Null when the frame is not one of the messages above; the peer is not verified, so every field is checked. */
export function decodeMessage(frame: Uint8Array): HandshakeMessage | null {
  const fields = parse(frame);
  if (fields === null) return null;
  switch (fields["type"]) {
    case "greeting":
      return decodeGreeting(fields);
    case "challenge": {
      const greeting = decodeGreeting(fields);
      const proof = decodeProof(fields);
      return greeting && proof && { ...greeting, ...proof, type: "challenge" };
    }
    case "proof":
      return decodeProof(fields);
    case "decision": {
      const isOpen = fields["isOpen"];
      return typeof isOpen === "boolean" ? { type: "decision", isOpen } : null;
    }
    case "refusal":
      return decodeRefusal(fields);
    case "accepted":
    case "goodbye":
    case "probe":
    case "alive":
      return { type: fields["type"] };
    default:
      return null;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function parse(frame: Uint8Array): Fields | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(frame).toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Fields) : null;
  } catch {
    return null;
  }
}

function decodeGreeting(fields: Fields): MessageOf<"greeting"> | null {
  const protocol = fields["protocol"];
  const nonce = bytesOf(fields["nonce"]);
  if (typeof protocol !== "number" || nonce?.length !== nonceSizeBytes) return null;
  return { type: "greeting", protocol, nonce };
}

function decodeProof(fields: Fields): MessageOf<"proof"> | null {
  const hello = bytesOf(fields["hello"]);
  const mac = bytesOf(fields["mac"]);
  return hello && mac ? { type: "proof", hello, mac } : null;
}

function decodeRefusal(fields: Fields): MessageOf<"refusal"> | null {
  const code = refusalCodes.find((known) => known === fields["code"]);
  const message = fields["message"];
  if (code === undefined || typeof message !== "string") return null;
  return { type: "refusal", code, message: message.slice(0, failureMessageLengthMax) };
}

function bytesOf(value: unknown): Uint8Array | null {
  return typeof value === "string" ? Buffer.from(value, "base64") : null;
}
