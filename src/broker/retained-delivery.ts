import { type ApplicationMessage, createMessage, expiresAtMs } from "../mqtt/message.ts";
import { keptMessage } from "../mqtt/passing-message.ts";
import { matches } from "../mqtt/topic.ts";
import type { MessageWalk } from "../replica/replica-api.ts";
import type { DeliveryOptions, Subscription } from "../session/session-api.ts";
import type { BrokerContext } from "./context.ts";
import { Latecomers } from "./latecomers.ts";
import { SentCopies } from "./sent-copies.ts";
import type { Hold, SessionEntry } from "./session-entry.ts";

/** The session's own queue stays nearly empty meanwhile, so that a flood of retained messages never overflows it. */
const queuedMessagesMax = 8;

export interface FreshSubscription {
  readonly subscription: Subscription;
  /** It did not exist before this SUBSCRIBE. */
  readonly isNew: boolean;
}

/** What one subscription is still to get. */
interface Course {
  readonly subscription: Subscription;
  readonly walk: MessageWalk;
  /** What is not in the log, and comes last. */
  readonly local: ApplicationMessage[];
}

interface Held {
  readonly message: ApplicationMessage;
  readonly options: DeliveryOptions;
}

/**
 * The retained messages of one SUBSCRIBE: looked up and sent in slices as the client takes them, before the live messages of the same
 * subscriptions, which wait here. What is written meanwhile is sent as it is when its topic's turn comes. A live message that the copy
 * stands for is not sent again; what was published between goes out behind it, and then the newest once more.
 */
export class RetainedDelivery implements Hold {
  readonly #context: BrokerContext;
  readonly #entry: SessionEntry;
  readonly #fresh: readonly FreshSubscription[];
  #filters: string[];
  #courses: Course[] | null = null;
  #sent: SentCopies | null = null;
  #held: Held[] = [];
  #isLettingGo = false;
  #isScheduled = false;

  constructor(context: BrokerContext, entry: SessionEntry, fresh: readonly FreshSubscription[]) {
    this.#context = context;
    this.#entry = entry;
    this.#fresh = fresh;
    this.#filters = fresh.map(({ subscription }) => subscription.filter);
    entry.addHold(this);
  }

  offer(message: ApplicationMessage, options: DeliveryOptions): boolean {
    if (this.#entry.isGone || this.#isLettingGo) return false;
    if (!this.#filters.some((filter) => matches(filter, message.topic))) return false;
    if (this.#held.length >= this.#context.limits.heldMessagesMax) {
      this.#context.counters.heldOverflows++;
      this.#letGo();
    }
    this.#held.push({ message: keptMessage(message), options });
    return true;
  }

  unsubscribed(filter: string): void {
    this.#filters = this.#filters.filter((wanted) => wanted !== filter);
  }

  /** SUBACK is out: start sending. */
  begin(visitLocal: (filter: string, visit: (message: ApplicationMessage) => void) => void): void {
    const { replica, limits, retainedTurns } = this.#context;
    this.#sent = new SentCopies(replica.latestIndex, limits.newerCopiesMax);
    this.#courses = this.#fresh.map(({ subscription }) => {
      const { filter } = subscription;
      const local: ApplicationMessage[] = [];
      // Its own encoded forms: those of the kept message would stay as long as it does, with the pool's memory around them.
      visitLocal(filter, (message) => local.push(createMessage(message)));
      return { subscription, walk: replica.walkRetained(filter), local };
    });
    this.#isScheduled = true;
    retainedTurns.now(() => this.#sendSlice());
  }

  pump(): void {
    if (this.#courses === null || this.#isScheduled || !this.#hasRoom()) return;
    this.#isScheduled = true;
    this.#context.retainedTurns.later(() => this.#sendSlice());
  }

  #pause(): void {
    this.#isScheduled = true;
    const { wheel, limits } = this.#context;
    wheel.after(limits.retainedPausedMs, () => {
      this.#isScheduled = false;
      this.pump();
    });
  }

  #hasRoom(): boolean {
    const { connection, session } = this.#entry;
    return !connection?.isCongested() && session.queuedCount < queuedMessagesMax;
  }

  #sendSlice(): void {
    this.#isScheduled = false;
    const courses = this.#courses;
    if (courses === null) return;
    const { limits, clock } = this.#context;
    const nowMs = clock.wallMs();
    const left = { messages: limits.retainedPerTurn, steps: limits.retainedStepsPerTurn };
    while (courses.length > 0 && !this.#entry.isGone) {
      const course = courses[0]!;
      if (!this.#isDone(course, left, nowMs)) {
        if (course.walk.isPaused) this.#pause();
        else this.pump();
        return;
      }
      courses.shift();
    }
    this.#release();
  }

  /** Sends of one subscription as much as there is room for; false when there is more. */
  #isDone(
    { subscription, walk, local }: Course,
    left: { messages: number; steps: number },
    nowMs: number,
  ): boolean {
    if (!this.#filters.includes(subscription.filter)) return true;
    const send = (message: ApplicationMessage, isChanged: boolean): boolean => {
      // A stored session gets it from the log, except what is not in the log.
      const isStored = this.#entry.session.isStored && message.version > 0;
      if (isStored && message.qos > 0 && subscription.qos > 0) return true;
      if (left.messages <= 0 || this.#entry.isGone || !this.#hasRoom()) return false;
      left.messages--;
      this.#sent!.add(message, isChanged);
      this.#send(message, subscription, nowMs);
      return true;
    };
    left.steps -= walk.advance(nowMs, left.steps, send);
    if (!walk.isAtEnd) return false;
    while (local.length > 0 && send(local.at(-1)!, false)) local.pop();
    return local.length === 0;
  }

  #send(message: ApplicationMessage, subscription: Subscription, nowMs: number): void {
    const { qos, identifier } = subscription;
    const identifiers = identifier > 0 ? [identifier] : [];
    this.#context.counters.retainedSent++;
    this.#entry.session.deliver(message, { qos, retain: true, identifiers }, nowMs);
  }

  /** A link that just came back may still bring what was committed before this SUBSCRIBE; the client has newer already. */
  #refuseLatecomers(): void {
    const sent = this.#sent;
    const filters = this.#fresh
      .filter(({ isNew, subscription }) => isNew && this.#filters.includes(subscription.filter))
      .map(({ subscription }) => subscription.filter);
    if (sent === null || sent.isEmpty || filters.length === 0 || this.#entry.isGone) return;
    const latecomers = new Latecomers(this.#context, this.#entry, filters, sent);
    const { wheel, limits } = this.#context;
    this.#entry.addTimedHold(latecomers, (end) => wheel.after(limits.latecomersMs, end));
  }

  /** The oldest waits no longer: past this hold and not past others. */
  #letGo(): void {
    this.#isLettingGo = true;
    this.#deliverHeld(this.#held.splice(0, 1));
    this.#isLettingGo = false;
  }

  #release(): void {
    this.#courses = null;
    this.#entry.removeHold(this);
    const held = this.#held;
    this.#held = [];
    if (held.length > 0 && !this.#entry.isGone) this.#deliverHeld(held);
    const nowMs = this.#context.clock.wallMs();
    for (const topic of this.#sent?.takeBehind() ?? []) this.#sayAgain(topic, nowMs);
    this.#refuseLatecomers();
  }

  #deliverHeld(held: readonly Held[]): void {
    const newFilters = new Set(
      this.#fresh.filter(({ isNew }) => isNew).map(({ subscription }) => subscription.filter),
    );
    const { replica, clock } = this.#context;
    const nowMs = clock.wallMs();
    const followed = new Set<string>();
    for (const { message, options } of held) {
      const { topic } = message;
      const isOld = this.#sent?.covers(message, replica.retainedVersionOf(topic)) ?? false;
      // Behind a live message the newer one is said again, so that the newest comes last. An older subscription to the
      // same topic wants every message, not only the newest.
      if (isOld && !followed.has(topic) && !this.#entry.hasSubscriptionFor(topic, newFilters)) {
        this.#context.counters.heldSuperseded++;
        continue;
      }
      followed.add(topic);
      this.#entry.deliver(message, options, nowMs);
      this.#sent?.followed(message);
    }
  }

  /** The message that was newest did not come live: it was dropped, or was published somewhere else and is still on its way. */
  #sayAgain(topic: string, nowMs: number): void {
    const message = this.#context.replica.getRetained(topic);
    if (message === null || expiresAtMs(message) <= nowMs) return;
    const wanted = this.#fresh.find(
      ({ subscription: { filter } }) => this.#filters.includes(filter) && matches(filter, topic),
    );
    if (wanted !== undefined) this.#send(message, wanted.subscription, nowMs);
  }
}
