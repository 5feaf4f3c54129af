import type { NodeId } from "../node-id.ts";

/** One member as the leader sees it. */
export interface AutopilotMember {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly isVoter: boolean;
  readonly isLeader: boolean;
  /** Alive, linked, and holding the log up to a small distance from its end. */
  readonly isHealthy: boolean;
  /** For how long it has been healthy without a break. */
  readonly healthyMs: number;
  /** For how long it has been down; 0 = it is not. */
  readonly downMs: number;
}

export interface AutopilotPolicy {
  readonly votersMax: number;
  readonly stabilizationMs: number;
  readonly replaceVoterAfterMs: number;
}

/** What to propose as one configuration change: voters to make, voters to make learners. */
export interface AutopilotPlan {
  readonly promote: readonly NodeId[];
  readonly demote: readonly NodeId[];
  readonly reason: "grow" | "replace" | "shrink";
}

/** 1, 1, 3, 3, 5, 5, ... up to `votersMax`; never an even number, which would stop more often without tolerating more. */
export function targetVoters(members: number, votersMax: number): number {
  const odd = members % 2 === 0 ? members - 1 : members;
  const max = votersMax % 2 === 0 ? votersMax - 1 : votersMax;
  return Math.max(1, Math.min(odd, max));
}

/**
 * The next safe step, or null. At most one per round: growth first needs enough stable learners to reach the next odd
 * number at once; a dead voter is exchanged for a stable learner in one joint change; voters in excess become learners,
 * dead ones first. Nothing is proposed while less than a majority of the voters is healthy, since it could not commit.
 */
export function planVoters(
  members: readonly AutopilotMember[],
  policy: AutopilotPolicy,
): AutopilotPlan | null {
  const voters = members.filter((member) => member.isVoter);
  const healthyVoters = voters.filter((member) => member.isHealthy || member.isLeader);
  if (healthyVoters.length <= voters.length / 2) return null;
  const candidates = members
    .filter((member) => !member.isVoter && member.isHealthy)
    .filter((member) => member.healthyMs >= policy.stabilizationMs)
    .sort(byName);
  const target = targetVoters(members.length, policy.votersMax);

  if (voters.length > target) return shrink(voters, target);
  const dead = voters
    .filter((member) => !member.isLeader && member.downMs >= policy.replaceVoterAfterMs)
    .sort(byName);
  if (dead.length > 0 && candidates.length > 0) {
    return {
      promote: [(candidates[0] as AutopilotMember).nodeId],
      demote: [(dead[0] as AutopilotMember).nodeId],
      reason: "replace",
    };
  }
  return grow(voters, candidates, target);
}

/** To the largest odd number of voters that the stable learners allow. */
function grow(
  voters: readonly AutopilotMember[],
  candidates: readonly AutopilotMember[],
  target: number,
): AutopilotPlan | null {
  let reachable = Math.min(target, voters.length + candidates.length);
  if (reachable % 2 === 0) reachable--;
  if (reachable <= voters.length) return null;
  const promoted = candidates.slice(0, reachable - voters.length);
  return { promote: promoted.map((member) => member.nodeId), demote: [], reason: "grow" };
}

function shrink(voters: readonly AutopilotMember[], target: number): AutopilotPlan {
  const expendable = voters
    .filter((member) => !member.isLeader)
    .sort((a, b) => b.downMs - a.downMs || -byName(a, b));
  return {
    promote: [],
    demote: expendable.slice(0, voters.length - target).map((member) => member.nodeId),
    reason: "shrink",
  };
}

/** `localeCompare` would make one for each comparison. */
const names = new Intl.Collator("en", { numeric: true });

function byName(a: AutopilotMember, b: AutopilotMember): number {
  return names.compare(a.name, b.name) || (a.nodeId < b.nodeId ? -1 : 1);
}
