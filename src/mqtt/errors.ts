import { ReasonCode } from "./reason-code.ts";

/**
 * What a client did wrong on the wire. The connection that caught it ends with `reasonCode`: in a
 * CONNACK while the CONNECT is being read, in a DISCONNECT afterwards (MQTT 5), by closing in 3.1.1
 * [MQTT-4.8.0-1 of 3.1.1].
 */
export class MqttError extends Error {
  /** As for DISCONNECT and CONNACK, 0x80 or more. */
  readonly reasonCode: number;

  constructor(reasonCode: number, message: string) {
    super(message);
    this.name = "MqttError";
    this.reasonCode = reasonCode;
  }
}

/** The bytes cannot be read as the packet they claim to be: 0x81, section 4.13. */
export function malformed(message: string): MqttError {
  return new MqttError(ReasonCode.malformedPacket, message);
}

/** The packet can be read but must not be sent like this, or not now: 0x82, section 4.13. */
export function protocolError(message: string): MqttError {
  return new MqttError(ReasonCode.protocolError, message);
}
