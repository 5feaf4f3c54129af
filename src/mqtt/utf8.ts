import { malformed } from "./errors.ts";

/**
 * Keeps a byte order mark [MQTT-1.5.4-3]; refuses overlong forms, surrogates and stray bytes
 * [MQTT-1.5.4-1].
 */
const STRICT_UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Decodes `bytes[start, end)` as a UTF-8 Encoded String, section 1.5.4.
 * @throws MqttError 0x81 for ill-formed UTF-8 or a null character
 */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  let isAscii = true;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at]!;
    // [MQTT-1.5.4-2]
    if (byte === 0) throw malformed("a string contains the null character");
    if (byte >= 0x80) isAscii = false;
  }
  return isAscii
    ? bytes.toString("latin1", start, end)
    : decodeStrictly(bytes.subarray(start, end));
}

export function decodeStrictly(bytes: Buffer): string {
  try {
    return STRICT_UTF8.decode(bytes);
  } catch {
    throw malformed("a string is not well-formed UTF-8");
  }
}
