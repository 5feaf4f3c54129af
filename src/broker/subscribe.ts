import type { ApplicationMessage } from "../mqtt/message.ts";
import type { SubscriptionRequest } from "../mqtt/packets.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import { parseSharedFilter, topicFilterProblem } from "../mqtt/topic.ts";
import type { Subscription } from "../session/session-api.ts";
import type { BrokerContext } from "./context.ts";
import type { Interest } from "./interest.ts";
import { type FreshSubscription, RetainedDelivery } from "./retained-delivery.ts";
import type { SessionEntry } from "./session-entry.ts";

/** Retained messages that are not in the log ($SYS). */
export type LocalRetained = (filter: string, visit: (message: ApplicationMessage) => void) => void;

/**
 * SUBSCRIBE and UNSUBSCRIBE. SUBACK means that the subscription is live on every live node, and that the retained
 * messages which follow are at least as new as anything acknowledged before.
 */
export class SubscribeFlow {
  readonly #context: BrokerContext;
  readonly #interest: Interest;
  readonly #localRetained: LocalRetained;

  constructor(context: BrokerContext, interest: Interest, localRetained: LocalRetained) {
    this.#context = context;
    this.#interest = interest;
    this.#localRetained = localRetained;
  }

  /** `answer` gets one reason code per request, once all of it is true. */
  async subscribe(
    entry: SessionEntry,
    requests: readonly SubscriptionRequest[],
    identifier: number,
    answer: (reasonCodes: readonly number[]) => void,
  ): Promise<void> {
    this.#context.counters.subscribes++;
    const wanted: FreshSubscription[] = [];
    const added = new Set<string>();
    const granted = requests.map((request) => {
      const refusal = this.#refusal(entry, request, added);
      if (refusal !== null) {
        this.#context.counters.subscriptionsRefused++;
        return refusal;
      }
      const subscription = subscriptionOf(request, identifier);
      const isNew = !entry.session.subscriptions.has(request.topic);
      if (isNew) added.add(request.topic);
      if (wantsRetained(subscription, isNew)) wanted.push({ subscription, isNew });
      return request.qos;
    });
    // [MQTT-3.8.4-4] From here on live messages wait, so the hold exists before the first route does.
    const delivery = wanted.length > 0 ? new RetainedDelivery(this.#context, entry, wanted) : null;
    requests.forEach((request, at) => {
      if ((granted[at] ?? 0x80) < 0x80) this.add(entry, subscriptionOf(request, identifier));
    });
    await this.#barriers(delivery !== null);
    answer(granted);
    delivery?.begin(this.#localRetained);
  }

  /** Puts a subscription into session, routes and interest; also for sessions that come from another node. */
  add(entry: SessionEntry, subscription: Subscription): void {
    entry.session.addSubscription(subscription);
    this.#interest.declare(this.#context.router.subscribe(entry, subscription));
  }

  unsubscribe(entry: SessionEntry, filters: readonly string[]): readonly number[] {
    this.#context.counters.unsubscribes++;
    return filters.map((filter) => {
      if (!entry.session.subscriptions.has(filter)) return ReasonCode.noSubscriptionExisted;
      this.#remove(entry, filter);
      return ReasonCode.success;
    });
  }

  /** The session leaves this node. */
  removeAll(entry: SessionEntry): void {
    for (const filter of entry.session.subscriptions.keys()) {
      this.#interest.declare(this.#context.router.unsubscribe(entry, filter));
    }
  }

  /** [MQTT-3.10.4-2]; what is in flight goes on [MQTT-3.10.4-3]. */
  #remove(entry: SessionEntry, filter: string): void {
    entry.session.removeSubscription(filter);
    entry.forgetRetained(filter);
    this.#interest.declare(this.#context.router.unsubscribe(entry, filter));
  }

  /** `added`: filters of the same packet that will be new. */
  #refusal(
    entry: SessionEntry,
    request: SubscriptionRequest,
    added: ReadonlySet<string>,
  ): number | null {
    const { authorizer, limits, counters } = this.#context;
    if (topicFilterProblem(request.topic) !== null) return ReasonCode.topicFilterInvalid;
    const filter = parseSharedFilter(request.topic)?.filter ?? request.topic;
    if (!authorizer.canSubscribe(entry.identity, filter)) {
      counters.subscribeNotAuthorized++;
      return ReasonCode.notAuthorized;
    }
    const { subscriptions } = entry.session;
    if (subscriptions.has(request.topic) || added.has(request.topic)) return null;
    const isFull = subscriptions.size + added.size >= limits.subscriptionsPerSessionMax;
    return isFull ? ReasonCode.quotaExceeded : null;
  }

  async #barriers(isReading: boolean): Promise<void> {
    const { limits, counters, cluster } = this.#context;
    const [interest, read] = await Promise.all([
      cluster.interestBarrier(limits.interestBarrierMs),
      isReading ? cluster.readBarrier(limits.readBarrierMs) : "ok",
    ]);
    if (interest === "timeout") counters.interestTimeouts++;
    if (read !== "ok") counters.staleRetainedReads++;
  }
}

function subscriptionOf(request: SubscriptionRequest, identifier: number): Subscription {
  return {
    filter: request.topic,
    qos: request.qos,
    noLocal: request.nl,
    retainAsPublished: request.rap,
    retainHandling: request.rh,
    identifier,
  };
}

/** [MQTT-3.3.1-9] to [MQTT-3.3.1-11]; never for shared subscriptions (section 4.8.2). */
function wantsRetained(subscription: Subscription, isNew: boolean): boolean {
  if (parseSharedFilter(subscription.filter)) return false;
  return subscription.retainHandling === 0 || (subscription.retainHandling === 1 && isNew);
}
