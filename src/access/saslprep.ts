/** RFC 4013, table C.1.2 of RFC 3454. */
const otherSpaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g;
/** Table B.1. */
const mappedToNothing =
  /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g;
/** Tables C.2 to C.9, as far as NFKC leaves something of them. */
const prohibited =
  /[\p{Cc}\p{Co}\p{Cs}\u06dd\u070f\u180e\u2028\u2029\u2061-\u2063\u206a-\u206f\ufff9-\ufffd\u2ff0-\u2ffb\u200e\u200f\u202a-\u202e\u{1d173}-\u{1d17a}\u{e0000}-\u{e007f}]|\p{Noncharacter_Code_Point}/u;
const ascii = /^[\x20-\x7e]*$/;

/**
 * A name or password in the one form in which clients that type it differently agree (RFC 4013); null when it may not be used. The
 * rules for text from right to left are not checked: they refuse and never change a text.
 */
export function saslprep(text: string): string | null {
  if (ascii.test(text)) return text;
  if (!text.isWellFormed()) return null;
  const mapped = text.replace(otherSpaces, " ").replace(mappedToNothing, "").normalize("NFKC");
  return prohibited.test(mapped) ? null : mapped;
}

/** As it came, where it is no text or one that may not be used: then it can only be right byte by byte. */
export function preparedPassword(password: Buffer): string | Buffer {
  const text = password.toString("utf8");
  if (!Buffer.from(text, "utf8").equals(password)) return password;
  return saslprep(text) ?? password;
}
