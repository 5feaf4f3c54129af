import type { Qos } from "../mqtt/packets.ts";
import type { DeliveryOptions, Subscription } from "../session/session-api.ts";
import type { LocalDelivery, LocalTarget } from "./routing-api.ts";

/**
 * One subscription of one session of this node. Its deliveries are made once, when it subscribes, and shared by all
 * messages that go to it through this subscription alone.
 */
export class LocalMember<T extends LocalTarget> {
  readonly target: T;
  readonly subscription: Subscription;
  /** For a message without the retain flag, and for all if the subscription does not keep the flag. */
  readonly plain: LocalDelivery<T>;
  /** For a message with the retain flag. */
  readonly retained: LocalDelivery<T>;

  constructor(target: T, subscription: Subscription) {
    this.target = target;
    this.subscription = subscription;
    this.plain = { target, options: optionsFor(subscription, false) };
    // [MQTT-3.3.1-13], else [MQTT-3.3.1-12]
    this.retained = subscription.retainAsPublished
      ? { target, options: optionsFor(subscription, true) }
      : this.plain;
  }

  /** A stored session at QoS > 0: it gets from the log what is published at QoS > 0. */
  get isLogged(): boolean {
    return this.target.isStored && this.subscription.qos > 0;
  }

  delivery(retain: boolean): LocalDelivery<T> {
    return retain ? this.retained : this.plain;
  }

  /** No Local [MQTT-3.8.3-3]: its own messages do not come back to the publisher. */
  isExcluded(publisherId: string): boolean {
    return this.subscription.noLocal && this.target.clientId === publisherId;
  }
}

const noIdentifiers: readonly number[] = Object.freeze([]);

/** Without identifier there are only six different ones, which all subscriptions share. */
const plainOptions = ([0, 1, 2] as const).map((qos) => createOptions(qos, false, noIdentifiers));
const retainedOptions = ([0, 1, 2] as const).map((qos) => createOptions(qos, true, noIdentifiers));

function createOptions(qos: Qos, retain: boolean, identifiers: readonly number[]): DeliveryOptions {
  return Object.freeze({ qos, retain, identifiers });
}

function optionsFor(subscription: Subscription, retain: boolean): DeliveryOptions {
  const { qos, identifier } = subscription;
  if (identifier !== 0) {
    return createOptions(qos, retain, [identifier]);
  }
  return (retain ? retainedOptions : plainOptions)[qos]!;
}

/**
 * One delivery in place of two to the same session: the higher QoS [MQTT-3.3.4-2], all identifiers [MQTT-3.3.4-4], and the retain
 * flag if any of the subscriptions keeps it.
 */
export function mergeDeliveries<T extends LocalTarget>(
  first: LocalDelivery<T>,
  second: LocalDelivery<T>,
): LocalDelivery<T> {
  const a = first.options;
  const b = second.options;
  const qos = Math.max(a.qos, b.qos) as Qos;
  const identifiers =
    b.identifiers.length === 0 ? a.identifiers : [...a.identifiers, ...b.identifiers];
  return { target: first.target, options: { qos, retain: a.retain || b.retain, identifiers } };
}
