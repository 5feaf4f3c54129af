import type { ApplicationMessage } from "../mqtt/message.ts";
import { encodeCommand } from "../replica/commands.ts";
import type { AttributeUpdate, Fence } from "../replica/replica-api.ts";
import { outcomeOf } from "./commit-outcome.ts";
import type { BrokerContext } from "./context.ts";
import { type Committed, StateBatches } from "./state-batches.ts";

/** What of a message belongs into the log; null = nothing. */
export interface LogPlan {
  readonly isRetained: boolean;
  readonly updates: readonly AttributeUpdate[];
  /** Of the retained message that this one is to replace; 0 = there must be none. */
  readonly expectedVersion?: number | undefined;
}

/** Brings retained messages and device state to the log. */
export class Commits {
  readonly #context: BrokerContext;
  readonly #batches: StateBatches;

  constructor(context: BrokerContext) {
    this.#context = context;
    this.#batches = new StateBatches(context);
  }

  plan(message: ApplicationMessage): LogPlan | null {
    const updates = this.#context.patterns.updatesFrom(message.topic, message.payload) ?? [];
    if (!message.retain && updates.length === 0) return null;
    // [MQTT-3.3.1-5] and [MQTT-3.3.1-8]
    return { isRetained: message.retain, updates };
  }

  /** `done` runs exactly once; null where nobody waits (QoS 0). */
  commit(message: ApplicationMessage, plan: LogPlan, fence: Fence, done: Committed | null): void {
    if (!plan.isRetained) {
      this.#batches.add({ source: message.publisherId, fence }, plan.updates, done);
      return;
    }
    const { cluster, limits } = this.#context;
    this.#batches.sendBefore(plan.updates);
    const { updates, expectedVersion } = plan;
    const condition = expectedVersion === undefined ? {} : { expectedVersion };
    const command = encodeCommand({ type: "retain", message, updates, fence, ...condition });
    cluster.propose(command, limits.commitTimeoutMs, (result) => done?.(outcomeOf(result)));
  }

  /** Puts one value in the place of another, or removes it, without any message. */
  setAttribute(
    update: AttributeUpdate,
    expectedVersion: number | undefined,
    done: Committed,
  ): void {
    const { cluster, limits } = this.#context;
    this.#batches.sendBefore([update]);
    const condition = expectedVersion === undefined ? {} : { expectedVersion };
    const command = encodeCommand({
      type: "state",
      source: "",
      updates: [update],
      isReplacing: true,
      ...condition,
    });
    cluster.propose(command, limits.commitTimeoutMs, (result) => done(outcomeOf(result)));
  }
}
