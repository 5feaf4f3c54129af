import { ReasonCode } from "./reason-code.ts";

/**
 * Which reason codes may stand in which packet (the "MUST use one of" statements of MQTT 5, chapter
 * 3).
 */

/** [MQTT-3.4.2-1] and [MQTT-3.5.2-1] */
export const PUBACK_CODES: ReadonlySet<number> = new Set([
  0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99,
]);

/** [MQTT-3.6.2-1] and [MQTT-3.7.2-1] */
export const PUBREL_CODES: ReadonlySet<number> = new Set([0x00, 0x92]);

/** [MQTT-3.9.3-2] */
export const SUBACK_CODES: ReadonlySet<number> = new Set([
  0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2,
]);

/** [MQTT-3.11.3-2] */
export const UNSUBACK_CODES: ReadonlySet<number> = new Set([
  0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91,
]);

/** Section 3.14.2.1, those that a client may send. */
export const CLIENT_DISCONNECT_CODES: ReadonlySet<number> = new Set([
  0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
]);

/** Section 3.14.2.1, those that a server may send. */
export const SERVER_DISCONNECT_CODES: ReadonlySet<number> = new Set([
  0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96,
  0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
]);

/** [MQTT-3.15.2-1], those that a client may send. */
export const CLIENT_AUTH_CODES: ReadonlySet<number> = new Set([0x00, 0x18, 0x19]);

/**
 * The code itself where the packet may carry it, else 0x83. Clients drop the connection over a code
 * that is out of place, such as Server unavailable in a PUBACK.
 */
export function legalReasonCode(reasonCode: number, allowed: ReadonlySet<number>): number {
  // Success may stand in every packet.
  if (reasonCode === ReasonCode.success || allowed.has(reasonCode)) return reasonCode;
  return ReasonCode.implementationSpecificError;
}
