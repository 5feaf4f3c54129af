/** Payloads are whatever a client sent. They are shown as text when they are text, and as bytes when they are not. */
export interface PayloadView {
  readonly kind: "empty" | "json" | "text" | "binary";
  readonly text: string;
  /** More bytes than are shown. */
  readonly isCut: boolean;
}

const shownSizeMax = 16_384;
const hexBytesMax = 512;

export function viewPayload(bytes: Uint8Array): PayloadView {
  if (bytes.length === 0) return { kind: "empty", text: "", isCut: false };
  const isCut = bytes.length > shownSizeMax;
  const text = decodeText(isCut ? bytes.subarray(0, shownSizeMax) : bytes, isCut);
  if (text === null) {
    const shown = bytes.subarray(0, hexBytesMax);
    return { kind: "binary", text: hexDump(shown), isCut: bytes.length > hexBytesMax };
  }
  const pretty = isCut ? null : prettyJson(text);
  if (pretty !== null) return { kind: "json", text: pretty, isCut: false };
  return { kind: "text", text, isCut };
}

/** One line for a table. */
export function previewPayload(bytes: Uint8Array, charactersMax = 120): string {
  if (bytes.length === 0) return "(empty)";
  const text = decodeText(bytes.subarray(0, charactersMax * 4), bytes.length > charactersMax * 4);
  if (text === null) return `${bytes.length} bytes, binary`;
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > charactersMax ? `${line.slice(0, charactersMax)}…` : line;
}

export function previewValue(value: unknown, charactersMax = 200): string {
  const text = typeof value === "string" ? value : flatText(value);
  return text.length > charactersMax ? `${text.slice(0, charactersMax)}…` : text;
}

/** A flat object is a list of its fields; anything deeper is JSON. */
function flatText(value: unknown): string {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  const entries = isObject ? Object.entries(value) : [];
  const isFlat = entries.length > 0 && entries.every(([, field]) => typeof field !== "object");
  if (!isFlat) return JSON.stringify(value) ?? "–";
  return entries.map(([name, field]) => `${name} ${String(field)}`).join(", ");
}

/** Null for a text that is not base64. */
export function fromBase64(text: string): Uint8Array | null {
  try {
    const binary = atob(text);
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

/** Null when the bytes are not UTF-8, or hold control characters that no text has. */
function decodeText(bytes: Uint8Array, mayEndEarly: boolean): string | null {
  let text: string;
  try {
    // As a stream, a character that the cut went through is left out instead of being an error.
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: mayEndEarly });
  } catch {
    return null;
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what tells bytes from text
  return /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text) ? null : text;
}

function prettyJson(text: string): string | null {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null;
  }
}

function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "."));
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex.padEnd(47)}  ${text.join("")}`);
  }
  return lines.join("\n");
}
