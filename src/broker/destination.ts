import type { ApplicationMessage } from "../mqtt/message.ts";
import type { LocalTarget } from "../routing/routing-api.ts";
import type { DeliveryOptions } from "../session/session-api.ts";

/** Whom a message may be delivered to on this node: a session, or somebody who looks on. */
export interface Destination extends LocalTarget {
  deliver(message: ApplicationMessage, options: DeliveryOptions, nowMs: number): void;
}
