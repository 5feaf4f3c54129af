import type { ApplicationMessage } from "../mqtt/message.ts";
import { encodeCommand } from "../replica/commands.ts";
import type { AttributeUpdate, Command, Fence } from "../replica/replica-api.ts";
import type { ShareStrategy } from "../routing/share-strategy.ts";
import { outcomeOf } from "./commit-outcome.ts";
import type { BrokerContext } from "./context.ts";
import { type Committed, StateBatches } from "./state-batches.ts";
import type { StateWaiter, Writer } from "./waiting-updates.ts";

/** What of a message belongs into the log; null = nothing. */
export interface LogPlan {
  readonly isRetained: boolean;
  /** A session waits for it, or must not get it twice. */
  readonly isForSessions: boolean;
  /** Of a QoS 2 message of a stored session; 0 = none. */
  readonly qos2PacketId: number;
  readonly update: AttributeUpdate | null;
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

  /** `qos2PacketId`: of a stored session's message, else 0. */
  plan(message: ApplicationMessage, qos2PacketId: number): LogPlan | null {
    const { topic, qos, retain } = message;
    const update = this.#context.patterns.updateFrom(topic, message);
    const isForSessions =
      qos2PacketId > 0 || (qos > 0 && this.#context.replica.sessions.isStored(topic));
    if (!retain && !isForSessions && update === null) return null;
    // [MQTT-3.3.1-5] and [MQTT-3.3.1-8]
    return { isRetained: retain, isForSessions, qos2PacketId, update };
  }

  /** `done` runs exactly once; null where nobody waits (QoS 0). */
  commit(message: ApplicationMessage, plan: LogPlan, fence: Fence, done: Committed | null): void {
    const { update } = plan;
    if (update !== null && isStateOnly(plan)) {
      const writer = { source: message.publisherId, fence };
      this.commitState(message, update, writer, done && { next: null, settled: done });
      return;
    }
    const { cluster, limits } = this.#context;
    if (update !== null) this.#batches.sendBefore(update.device, update.attribute);
    const command = encodeCommand(commandOf(message, plan, fence, this.#context.shareStrategy));
    cluster.propose(command, limits.commitTimeoutMs, (result) => done?.(outcomeOf(result)));
  }

  /** What of a message belongs in the log is device state and nothing else. `waiter` is null where nobody waits (QoS 0). */
  commitState(
    { payload }: ApplicationMessage,
    update: AttributeUpdate,
    writer: Writer,
    waiter: StateWaiter | null,
  ): void {
    this.#batches.add(writer, update, payload.length, waiter);
  }

  /** What waits to be joined with newer values leaves now. */
  flush(): void {
    this.#batches.flush();
  }

  /** These attributes are about to be written by other means: what waits of them leaves now. */
  sendBefore(device: string, attributes: readonly string[]): void {
    for (const attribute of attributes) this.#batches.sendBefore(device, attribute);
  }

  /** Puts one value in the place of another, or removes it, without any message. */
  setAttribute(
    update: AttributeUpdate,
    expectedVersion: number | undefined,
    done: Committed,
  ): void {
    const { cluster, limits } = this.#context;
    this.#batches.sendBefore(update.device, update.attribute);
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

/** Nothing of it but device state goes to the log. */
export function isStateOnly({ isRetained, isForSessions }: LogPlan): boolean {
  return !isRetained && !isForSessions;
}

function commandOf(
  message: ApplicationMessage,
  plan: LogPlan,
  fence: Fence,
  shareStrategy: ShareStrategy,
): Command {
  const { expectedVersion, qos2PacketId } = plan;
  const updates = plan.update === null ? [] : [plan.update];
  const isShareTold = shareStrategy !== "round-robin" && message.qos > 0;
  if (expectedVersion === undefined && qos2PacketId === 0 && !isShareTold) {
    return { type: plan.isRetained ? "retain" : "publish", message, updates, fence };
  }
  const packet = {
    ...(qos2PacketId === 0 ? {} : { qos2PacketId }),
    ...(isShareTold ? { shareStrategy } : {}),
  };
  if (!plan.isRetained) return { type: "publish", message, updates, fence, ...packet };
  const condition = expectedVersion === undefined ? {} : { expectedVersion };
  return { type: "retain", message, updates, fence, ...condition, ...packet };
}
