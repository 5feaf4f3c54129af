import { MqttError } from "../mqtt/errors.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type { ConnectionShared } from "./connection-ports.ts";

export interface ConnectionFailure {
  readonly reasonCode: number;
  readonly detail: string;
}

/** What a client is told of `error`, which ends its connection; counted, and logged when it is the broker's own fault. */
export function failureOf(
  error: unknown,
  { counters, log }: Pick<ConnectionShared, "counters" | "log">,
): ConnectionFailure {
  if (!(error instanceof MqttError)) {
    counters.internalErrors++;
    log.error({ error }, "a connection failed inside the broker");
    return { reasonCode: ReasonCode.unspecifiedError, detail: "internal error" };
  }
  if (error.reasonCode === ReasonCode.malformedPacket) counters.malformedPackets++;
  else if (error.reasonCode === ReasonCode.packetTooLarge) counters.packetsTooLarge++;
  else counters.protocolErrors++;
  return { reasonCode: error.reasonCode, detail: error.message };
}
