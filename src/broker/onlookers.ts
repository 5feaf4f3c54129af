import type { MessageHeard, MessageWatch, Onlooker } from "../api/ports.ts";
import { type ApplicationMessage, createMessage } from "../mqtt/message.ts";
import { keptMessage } from "../mqtt/passing-message.ts";
import { isSharedFilter, topicFilterProblem } from "../mqtt/topic.ts";
import type { DeliveryOptions, Subscription } from "../session/session-api.ts";
import type { BrokerContext } from "./context.ts";
import type { Destination } from "./destination.ts";
import { BrokerError } from "./errors.ts";
import type { Interest } from "./interest.ts";
import type { LocalRetained } from "./subscribe.ts";

/**
 * Those who look on without being MQTT clients. The router knows them as it knows sessions, so that rights, routes between nodes and
 * overlapping filters are the same; they have QoS 0, no state, and take what they are given.
 */
export class Onlookers {
  readonly #context: BrokerContext;
  readonly #interest: Interest;
  readonly #localRetained: LocalRetained;

  constructor(context: BrokerContext, interest: Interest, localRetained: LocalRetained) {
    this.#context = context;
    this.#interest = interest;
    this.#localRetained = localRetained;
  }

  /** Throws BrokerError; then none of the filters is watched. */
  watch(filters: readonly string[], onlooker: Onlooker, heard: MessageHeard): MessageWatch {
    for (const filter of filters) this.#check(filter, onlooker);
    const { router } = this.#context;
    const target = new HeardDestination(heard);
    for (const filter of filters) {
      this.#interest.declare(router.subscribe(target, subscriptionTo(filter)));
    }
    let isOpen = true;
    return {
      isLive: this.#whenLive(),
      retained: (countMax) => this.#retained(filters, countMax),
      close: () => {
        if (!isOpen) return;
        isOpen = false;
        for (const filter of filters) this.#interest.declare(router.unsubscribe(target, filter));
      },
    };
  }

  #check(filter: string, { username }: Onlooker): void {
    const problem = topicFilterProblem(filter);
    if (problem !== null) throw new BrokerError("topic-invalid", problem, { filter });
    if (isSharedFilter(filter)) {
      throw new BrokerError("topic-invalid", "who only looks on takes no share of messages", {
        filter,
      });
    }
    const { authorizer, counters } = this.#context;
    // Without a name it is the machine itself, which the API shows everything.
    if (username === null) return;
    if (authorizer.subscribeRefusal({ clientId: "", username }, filter) !== null) {
      counters.subscribeNotAuthorized++;
      throw new BrokerError("not-authorized", `"${filter}" may not be read`, { filter });
    }
  }

  async #whenLive(): Promise<void> {
    const { cluster, limits, counters } = this.#context;
    const [interest, read] = await Promise.all([
      cluster.interestBarrier(limits.interestBarrierMs),
      cluster.readBarrier(limits.readBarrierMs),
    ]);
    if (interest === "timeout") counters.interestTimeouts++;
    if (read !== "ok") counters.staleRetainedReads++;
  }

  async #retained(
    filters: readonly string[],
    countMax: number,
  ): Promise<readonly ApplicationMessage[]> {
    const { replica, clock, limits, retainedTurns, wheel } = this.#context;
    const found = new Map<string, ApplicationMessage>();
    const visit = (message: ApplicationMessage): boolean => {
      if (found.size >= countMax) return false;
      found.set(message.topic, createMessage(message));
      return true;
    };
    for (const filter of filters) {
      const walk = replica.walkRetained(filter);
      while (!walk.isAtEnd && found.size < countMax) {
        await new Promise<void>((resolve) => {
          if (walk.isPaused) {
            wheel.after(limits.retainedPausedMs, resolve);
            return;
          }
          retainedTurns.now(() => {
            walk.advance(clock.wallMs(), limits.retainedStepsPerTurn, visit);
            resolve();
          });
        });
      }
      this.#localRetained(filter, visit);
    }
    return [...found.values()];
  }
}

class HeardDestination implements Destination {
  /** No publisher has this identifier: what the broker says itself has "", and is for onlookers, too. */
  readonly clientId = "$onlooker";
  readonly isAvailable = true;
  readonly isStored = false;
  readonly #heard: MessageHeard;

  constructor(heard: MessageHeard) {
    this.#heard = heard;
  }

  deliver(message: ApplicationMessage, options: DeliveryOptions): void {
    this.#heard(keptMessage(message), options.retain);
  }
}

function subscriptionTo(filter: string): Subscription {
  return {
    filter,
    qos: 0,
    noLocal: false,
    retainAsPublished: true,
    retainHandling: 0,
    identifier: 0,
  };
}
