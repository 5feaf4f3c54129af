import type { ApplicationMessage } from "../mqtt/message.ts";
import { keptMessage } from "../mqtt/passing-message.ts";
import type { Commits, LogPlan } from "./commits.ts";
import type { BrokerContext } from "./context.ts";
import type { SessionEntry } from "./session-entry.ts";
import { keyOf } from "./waiting-updates.ts";

/**
 * Brings what was published at QoS 0 to the log, where it needs no claim: its publisher may be gone in the same breath. It stays behind
 * what the same client wrote before and the log has not got yet.
 */
export class UnfencedWrites {
  readonly #context: BrokerContext;
  readonly #commits: Commits;

  constructor(context: BrokerContext, commits: Commits) {
    this.#context = context;
    this.#commits = commits;
  }

  commit(entry: SessionEntry, message: ApplicationMessage, plan: LogPlan): void {
    const keys = entry.hasHeldWrites ? keysOf(message, plan) : [];
    if (keys.length === 0 || entry.logOrder.isFree(keys)) {
      this.#commits.commit(message, plan, "none", null);
      return;
    }
    const kept = keptMessage(message);
    entry.logOrder.afterHeld(keys, () => {
      if (this.#isSucceeded(entry)) this.#context.counters.publishDropped++;
      else this.#commits.commit(kept, plan, "none", null);
    });
  }

  /**
   * The client has connected again: what it wrote since does not wait for what was held here, and may be acknowledged, so that nothing
   * without a fence may come after it. A client that only said goodbye has no owner.
   */
  #isSucceeded(entry: SessionEntry): boolean {
    if (entry.isTakenOver) return true;
    const owner = this.#context.replica.ownerOf(entry.clientId);
    if (owner === null) return false;
    // While a claim is provisional, that of the connection before may still stand.
    return entry.epoch > 0 ? owner.epoch !== entry.epoch : entry.isGone;
  }
}

/** What it writes in the log that a later message may write again. */
export function keysOf(
  { topic }: ApplicationMessage,
  { isRetained, update }: LogPlan,
): readonly string[] {
  const keys = update === null ? [] : [keyOf(update)];
  // A key of device state has a U+0000 in it, which no topic has.
  return isRetained ? [topic, ...keys] : keys;
}
