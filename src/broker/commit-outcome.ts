import type { ProposalOutcome } from "#cluster";
import type { CommitOutcome } from "./publish-queue.ts";

/** What a proposal's end means to a publisher. */
export function outcomeOf(proposal: ProposalOutcome): CommitOutcome {
  if (proposal.status === "applied") return { status: "committed", version: proposal.index };
  return { status: proposal.status === "rejected" ? "refused" : "timeout" };
}
