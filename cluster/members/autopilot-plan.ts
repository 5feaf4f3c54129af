import type { NodeId } from "../node-id.ts";
import { fromFullestZones, intoEmptiestZones, type Placed, spreadStep } from "./zones.ts";

/** One member as the leader sees it. */
export interface AutopilotMember extends Placed {
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
  /** Infinity: never. */
  readonly replaceVoterAfterMs: number;
}

/** What to propose as one configuration change: voters to make, voters to make learners. */
export interface AutopilotPlan {
  readonly promote: readonly NodeId[];
  readonly demote: readonly NodeId[];
  readonly reason: "grow" | "replace" | "shrink" | "spread";
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
 * dead ones first. Each of these leaves the voters spread over zones as evenly as it can, and when all voters are well, one of a
 * crowded zone is exchanged for a learner of a zone with fewer. Nothing is proposed while less than a majority of the voters is
 * healthy, since it could not commit.
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
    .sort(byName)[0];
  if (dead !== undefined && candidates.length > 0) {
    const others = voters.filter((member) => member !== dead);
    return plan("replace", intoEmptiestZones(candidates, others, 1), [dead]);
  }
  const growth = grow(voters, candidates, target);
  if (growth !== null || healthyVoters.length < voters.length) return growth;
  if (candidates.length === 0) return null;
  const step = spreadStep(
    voters.filter((member) => !member.isLeader).sort(byName),
    voters,
    candidates,
  );
  return step === null ? null : plan("spread", [step.promote], [step.demote]);
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
  return plan("grow", intoEmptiestZones(candidates, voters, reachable - voters.length), []);
}

function shrink(voters: readonly AutopilotMember[], target: number): AutopilotPlan {
  const excess = voters.length - target;
  const expendable = voters.filter((member) => !member.isLeader);
  const dead = expendable
    .filter((member) => member.downMs > 0)
    .sort((a, b) => b.downMs - a.downMs || -byName(a, b))
    .slice(0, excess);
  const alive = expendable.filter((member) => member.downMs === 0).sort((a, b) => -byName(a, b));
  const left = voters.filter((member) => !dead.includes(member));
  return plan("shrink", [], [...dead, ...fromFullestZones(alive, left, excess - dead.length)]);
}

function plan(
  reason: AutopilotPlan["reason"],
  promote: readonly Placed[],
  demote: readonly Placed[],
): AutopilotPlan {
  const ids = (list: readonly Placed[]): NodeId[] => list.map((member) => member.nodeId);
  return { promote: ids(promote), demote: ids(demote), reason };
}

/** The leader sorts ten times a second, and `localeCompare` would make one of these for each comparison. */
const names = new Intl.Collator("en", { numeric: true });

function byName(a: AutopilotMember, b: AutopilotMember): number {
  return names.compare(a.name, b.name) || (a.nodeId < b.nodeId ? -1 : 1);
}
