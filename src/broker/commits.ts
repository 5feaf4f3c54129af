import type { ProposalOutcome } from "#cluster";
import type { ApplicationMessage } from "../mqtt/message.ts";
import { encodeCommand } from "../replica/commands.ts";
import type { AttributeUpdate, RetainedResult } from "../replica/replica-api.ts";
import { outcomeOf } from "./commit-outcome.ts";
import type { BrokerContext } from "./context.ts";
import type { CommitOutcome } from "./publish-queue.ts";
import { type Committed, StateBatches } from "./state-batches.ts";

/** What of a message belongs into the log; null = nothing. */
export interface LogPlan {
  readonly isRetained: boolean;
  readonly updates: readonly AttributeUpdate[];
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
    return { isRetained: message.retain, updates };
  }

  /** `done` runs exactly once; null where nobody waits (QoS 0). */
  commit(message: ApplicationMessage, plan: LogPlan, done: Committed | null): void {
    if (!plan.isRetained) {
      this.#batches.add(message.publisherId, plan.updates, done);
      return;
    }
    const { cluster, limits } = this.#context;
    const others = plan.updates.length > 0 ? this.#batches.supersede(plan.updates) : null;
    const command = encodeCommand({ type: "retain", message, updates: plan.updates });
    cluster.propose(command, limits.commitTimeoutMs, (result) => {
      const outcome = retainedOutcome(result);
      done?.(outcome);
      others?.(outcome);
    });
  }
}

/** Version 0: a limit of the replicated state kept the message out. */
function retainedOutcome(proposal: ProposalOutcome): CommitOutcome {
  const isKeptOut =
    proposal.status === "applied" && (proposal.result as RetainedResult | null)?.version === 0;
  return isKeptOut ? { status: "refused" } : outcomeOf(proposal);
}
