import { type ApplicationMessage, createMessage } from "../mqtt/message.ts";
import { matches } from "../mqtt/topic.ts";
import type { DeliveryOptions, Subscription } from "../session/session-api.ts";
import type { BrokerContext } from "./context.ts";
import { Latecomers } from "./latecomers.ts";
import type { Hold, SessionEntry } from "./session-entry.ts";

/** The session's own queue stays nearly empty meanwhile, so that a flood of retained messages never overflows it. */
const queuedMessagesMax = 8;

export interface FreshSubscription {
  readonly subscription: Subscription;
  /** It did not exist before this SUBSCRIBE. */
  readonly isNew: boolean;
}

interface Copy {
  readonly message: ApplicationMessage;
  readonly subscription: Subscription;
}

interface Held {
  readonly message: ApplicationMessage;
  readonly options: DeliveryOptions;
}

/**
 * The retained messages of one SUBSCRIBE: sent in slices as the client takes them, before the live messages of the same
 * subscriptions, which wait here. A live message that is no newer than the retained copy sent is not sent again.
 */
export class RetainedDelivery implements Hold {
  readonly #context: BrokerContext;
  readonly #entry: SessionEntry;
  readonly #fresh: readonly FreshSubscription[];
  #filters: string[];
  #copies: readonly Copy[] | null = null;
  #at = 0;
  #held: Held[] = [];
  #isScheduled = false;

  constructor(context: BrokerContext, entry: SessionEntry, fresh: readonly FreshSubscription[]) {
    this.#context = context;
    this.#entry = entry;
    this.#fresh = fresh;
    this.#filters = fresh.map(({ subscription }) => subscription.filter);
    entry.addHold(this);
  }

  offer(message: ApplicationMessage, options: DeliveryOptions): boolean {
    if (this.#entry.isGone) return false;
    if (!this.#filters.some((filter) => matches(filter, message.topic))) return false;
    if (this.#held.length >= this.#context.limits.heldMessagesMax) {
      this.#context.counters.heldOverflows++;
      return false;
    }
    this.#held.push({ message, options });
    return true;
  }

  unsubscribed(filter: string): void {
    this.#filters = this.#filters.filter((wanted) => wanted !== filter);
  }

  /** SUBACK is out: look up what is retained now and start sending. */
  begin(visitExtra: (filter: string, visit: (message: ApplicationMessage) => void) => void): void {
    const copies: Copy[] = [];
    const nowMs = this.#context.clock.wallMs();
    for (const { subscription } of this.#fresh) {
      const visit = (message: ApplicationMessage) => {
        // A stored session gets it from the log, except what is not in the log.
        const isStored = this.#entry.session.isStored && message.version > 0;
        if (!isStored || message.qos === 0 || subscription.qos === 0) {
          // Its own encoded forms: those of the stored message would stay as long as it does, with the pool's memory around them.
          copies.push({ message: createMessage(message), subscription });
        }
      };
      this.#context.replica.matchRetained(subscription.filter, nowMs, visit);
      visitExtra(subscription.filter, visit);
    }
    this.#copies = copies;
    this.#sendSlice();
  }

  pump(): void {
    if (this.#copies === null || this.#isScheduled || !this.#hasRoom()) return;
    this.#isScheduled = true;
    this.#context.clock.endOfTurn(() => {
      this.#isScheduled = false;
      this.#sendSlice();
    });
  }

  #hasRoom(): boolean {
    const { connection, session } = this.#entry;
    return !connection?.isCongested() && session.queuedCount < queuedMessagesMax;
  }

  #sendSlice(): void {
    const copies = this.#copies ?? [];
    const nowMs = this.#context.clock.wallMs();
    let left = this.#context.limits.retainedPerTurn;
    while (this.#at < copies.length && left > 0 && !this.#entry.isGone) {
      if (!this.#hasRoom()) return;
      const { message, subscription } = copies[this.#at++]!;
      if (!this.#filters.includes(subscription.filter)) continue;
      left--;
      this.#context.counters.retainedSent++;
      const identifiers = subscription.identifier > 0 ? [subscription.identifier] : [];
      this.#entry.session.deliver(
        message,
        { qos: subscription.qos, retain: true, identifiers },
        nowMs,
      );
    }
    if (this.#at < copies.length && !this.#entry.isGone) this.pump();
    else this.#release();
  }

  /** A link that just came back may still bring what was committed before this SUBSCRIBE; the client has newer already. */
  #refuseLatecomers(): void {
    let newestVersion = 0;
    for (const { message } of this.#copies ?? []) {
      newestVersion = Math.max(newestVersion, message.version);
    }
    const filters = this.#fresh
      .filter(({ isNew, subscription }) => isNew && this.#filters.includes(subscription.filter))
      .map(({ subscription }) => subscription.filter);
    if (newestVersion === 0 || filters.length === 0 || this.#entry.isGone) return;
    const latecomers = new Latecomers(this.#context, this.#entry, filters, newestVersion);
    const { wheel, limits } = this.#context;
    this.#entry.addTimedHold(latecomers, (end) => wheel.after(limits.latecomersMs, end));
  }

  #release(): void {
    this.#entry.removeHold(this);
    const held = this.#held;
    this.#held = [];
    if (held.length > 0 && !this.#entry.isGone) this.#deliverHeld(held);
    this.#refuseLatecomers();
  }

  #deliverHeld(held: readonly Held[]): void {
    const sentVersions = new Map<string, number>();
    for (const { message } of this.#copies ?? []) sentVersions.set(message.topic, message.version);
    const newFilters = new Set(
      this.#fresh.filter(({ isNew }) => isNew).map(({ subscription }) => subscription.filter),
    );
    const nowMs = this.#context.clock.wallMs();
    const followed = new Set<string>();
    for (const { message, options } of held) {
      const { topic, version } = message;
      const isOld = version > 0 && version <= (sentVersions.get(topic) ?? -1);
      // Behind a live message the newer one is said again, so that the newest comes last. An older subscription to the
      // same topic wants every message, not only the newest.
      if (isOld && !followed.has(topic) && !this.#entry.hasSubscriptionFor(topic, newFilters)) {
        this.#context.counters.heldSuperseded++;
        continue;
      }
      followed.add(topic);
      this.#entry.deliver(message, options, nowMs);
    }
  }
}
