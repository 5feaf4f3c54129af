import type { ApplicationMessage } from "../mqtt/message.ts";
import type { SubscriptionRequest } from "../mqtt/packets.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import { parseSharedFilter, topicFilterProblem } from "../mqtt/topic.ts";
import { encodeCommand } from "../replica/commands.ts";
import type { Command, SubscribeResult } from "../replica/replica-api.ts";
import type { Subscription } from "../session/session-api.ts";
import type { BrokerContext } from "./context.ts";
import type { Interest } from "./interest.ts";
import { RetainedDelivery } from "./retained-delivery.ts";
import type { SessionEntry } from "./session-entry.ts";

/** Live on this node; what is left is to tell the client, and its retained messages. */
interface Admitted {
  readonly granted: readonly number[];
  readonly delivery: RetainedDelivery | null;
}

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

  /** `answer` gets one reason code per request, once all of it is true; not called when the session has lost its place. */
  async subscribe(
    entry: SessionEntry,
    requests: readonly SubscriptionRequest[],
    identifier: number,
    answer: (reasonCodes: readonly number[]) => void,
  ): Promise<void> {
    this.#context.counters.subscribes++;
    const checked = this.#check(entry, requests);
    const admitted = entry.session.isStored
      ? await this.#inLog(entry, requests, identifier, checked)
      : this.#admit(entry, requests, identifier, checked);
    if (admitted === null || entry.isGone) return;
    const { granted, delivery } = admitted;
    await this.#barriers(delivery !== null);
    answer(granted);
    delivery?.begin(this.#localRetained);
  }

  /** Makes subscriptions live on this node, at once: an UNSUBSCRIBE that follows in the log must find them. */
  #admit(
    entry: SessionEntry,
    requests: readonly SubscriptionRequest[],
    identifier: number,
    granted: readonly number[],
  ): Admitted {
    const known = new Set(entry.session.subscriptions.keys());
    const accepted = requests
      .filter((_, at) => (granted[at] ?? 0x80) < 0x80)
      .map((request) => subscriptionOf(request, identifier));
    const wanted = accepted
      .map((subscription) => ({ subscription, isNew: !known.has(subscription.filter) }))
      .filter(({ subscription, isNew }) => wantsRetained(subscription, isNew));
    // From here on live messages wait, so the hold exists before the first route does.
    const delivery = wanted.length > 0 ? new RetainedDelivery(this.#context, entry, wanted) : null;
    for (const subscription of accepted) this.add(entry, subscription);
    return { granted, delivery };
  }

  /** Puts a subscription into session, routes and interest; also for a stored session that comes back. */
  add(entry: SessionEntry, subscription: Subscription): void {
    entry.session.addSubscription(subscription);
    this.#interest.declare(this.#context.router.subscribe(entry, subscription));
  }

  /** `answer` gets one reason code per filter; not called when the session has lost its place. */
  unsubscribe(
    entry: SessionEntry,
    filters: readonly string[],
    answer: (reasonCodes: readonly number[]) => void,
  ): void {
    this.#context.counters.unsubscribes++;
    const forget = (): void => {
      answer(
        filters.map((filter) => {
          if (!entry.session.subscriptions.has(filter)) return ReasonCode.noSubscriptionExisted;
          this.#remove(entry, filter);
          return ReasonCode.success;
        }),
      );
    };
    if (!entry.session.isStored) {
      forget();
      return;
    }
    const { clientId, epoch } = entry;
    this.#propose(entry, { type: "unsubscribe", clientId, epoch, filters }, (result) => {
      if (result !== null) forget();
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

  /** Reason codes as far as they follow from limits and rights alone. */
  #check(entry: SessionEntry, requests: readonly SubscriptionRequest[]): readonly number[] {
    const added = new Set<string>();
    return requests.map((request) => {
      const refusal = this.#refusal(entry, request, added);
      if (refusal === null) {
        if (!entry.session.subscriptions.has(request.topic)) added.add(request.topic);
        return request.qos;
      }
      this.#context.counters.subscriptionsRefused++;
      return refusal;
    });
  }

  /** The subscriptions of a stored session are in the log before they are acknowledged; null when they did not get there. */
  #inLog(
    entry: SessionEntry,
    requests: readonly SubscriptionRequest[],
    identifier: number,
    checked: readonly number[],
  ): Admitted | Promise<Admitted | null> {
    const { clientId, epoch } = entry;
    const subscriptions = requests
      .filter((_, at) => (checked[at] ?? 0x80) < 0x80)
      .map((request) => subscriptionOf(request, identifier));
    if (subscriptions.length === 0) return this.#admit(entry, requests, identifier, checked);
    const command = { type: "subscribe", clientId, epoch, subscriptions } as const;
    return new Promise((resolve) => {
      this.#propose(entry, command, (result) => {
        if (result === null || entry.isGone) resolve(null);
        else resolve(this.#admit(entry, requests, identifier, this.#granted(checked, result)));
      });
    });
  }

  #granted(checked: readonly number[], result: SubscribeResult): readonly number[] {
    const kept = result.granted.values();
    return checked.map((code) => {
      if (code >= 0x80) return code;
      if (kept.next().value === true) return code;
      this.#context.counters.subscriptionsRefused++;
      return ReasonCode.quotaExceeded;
    });
  }

  /** `done` gets null, and the client has been told, when the log does not have it. */
  #propose(
    entry: SessionEntry,
    command: Extract<Command, { type: "subscribe" | "unsubscribe" }>,
    done: (result: SubscribeResult | null) => void,
  ): void {
    const { cluster, limits } = this.#context;
    cluster.propose(encodeCommand(command), limits.commitTimeoutMs, (outcome) => {
      const result = outcome.status === "applied" ? (outcome.result as SubscribeResult) : null;
      if (result !== null && result.isFenced === undefined) {
        done(result);
        return;
      }
      if (!entry.isGone) {
        const isFenced = result !== null;
        const reasonCode = isFenced ? ReasonCode.sessionTakenOver : ReasonCode.serverBusy;
        const detail = isFenced ? "the session is elsewhere" : "the log could not be written";
        entry.session.disconnect(reasonCode, detail);
      }
      done(null);
    });
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
    const denial = authorizer.subscribeRefusal(entry.identity, filter);
    if (denial !== null) {
      counters.subscribeNotAuthorized++;
      return denial;
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
