import type { AuthPacket } from "../mqtt/packets.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type { AuthenticationExchange, AuthenticationRefusal } from "./access.ts";
import type { Connection } from "./connection.ts";

export type ExchangeVerdict =
  | { readonly isAllowed: true; readonly username: string; readonly data: Buffer | null }
  | AuthenticationRefusal;

/**
 * Enhanced authentication between CONNECT and CONNACK (MQTT 5, section 4.12): AUTH out, AUTH in, until there is a verdict. `done` is not
 * called when the connection ends on the way.
 */
export function exchange(
  connection: Connection,
  method: string,
  firstData: Buffer | null,
  steps: AuthenticationExchange,
  done: (verdict: ExchangeVerdict) => void,
): void {
  const step = (data: Buffer | null): void => {
    const outcome = steps.step(data);
    if (outcome.status === "continue") {
      connection.challenge(
        authPacket(ReasonCode.continueAuthentication, method, outcome.data),
        next,
      );
    } else if (outcome.status === "admitted") {
      done({ isAllowed: true, username: outcome.username, data: outcome.data });
    } else done(outcome.refusal);
  };
  const next = (packet: AuthPacket): void => {
    if (isContinuing(packet, method)) step(packet.properties?.authenticationData ?? null);
    else connection.refuse(ReasonCode.protocolError);
  };
  step(firstData);
}

/** [MQTT-4.12.0-2] [MQTT-4.12.0-5] */
export function authPacket(reasonCode: number, method: string, data: Buffer | null): AuthPacket {
  const properties = { authenticationMethod: method };
  return {
    cmd: "auth",
    reasonCode,
    properties: data === null ? properties : { ...properties, authenticationData: data },
  };
}

/** [MQTT-4.12.0-3] and [MQTT-4.12.0-5] */
export function isContinuing({ reasonCode, properties }: AuthPacket, method: string): boolean {
  return (
    reasonCode === ReasonCode.continueAuthentication && properties?.authenticationMethod === method
  );
}
