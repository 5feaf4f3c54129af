import type { ProposalOutcome } from "#cluster";
import type { RetainedResult } from "../replica/replica-api.ts";
import type { CommitOutcome } from "./publish-queue.ts";

/** What the end of a "retain", "publish" or "state" proposal means to a publisher. */
export function outcomeOf(proposal: ProposalOutcome): CommitOutcome {
  if (proposal.status !== "applied") {
    return { status: proposal.status === "rejected" ? "refused" : "timeout" };
  }
  const currentVersion = (proposal.result as RetainedResult | null)?.currentVersion;
  if (currentVersion !== undefined) return { status: "conflict", currentVersion };
  const { version, isRepeated = false } = (proposal.result as RetainedResult | null) ?? {};
  // Version 0: a limit of the replicated state or a newer claim of the client kept the write out.
  if (version === 0) return { status: "refused" };
  return { status: "committed", version: version ?? proposal.index, isRepeated };
}
