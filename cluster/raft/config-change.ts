import type { NodeId } from "../node-id.ts";
import { isJoint, membersOf } from "./configuration.ts";
import { invariant } from "./invariant.ts";
import type { ConfigChange, Configuration, MembershipStep, SnapshotPoint, Term } from "./types.ts";

export type ChangeResult =
  | { readonly status: "ok"; readonly configuration: Configuration }
  | { readonly status: "refused"; readonly problem: string };

/**
 * The configuration after a change; pure, so that every node that applies the entry computes the same. One voter more or
 * less is a simple change, since two majorities of neighbouring sets overlap; more goes through a joint configuration.
 */
export function changeConfiguration(current: Configuration, change: ConfigChange): ChangeResult {
  if (change.type === "leaveJoint") {
    return isJoint(current) ? leave(current) : refused("the configuration is not joint");
  }
  if (isJoint(current)) {
    return refused("the joint configuration must be left first");
  }
  if (change.steps.length === 0) {
    return refused("the change is empty");
  }
  const members = membersOf(current);
  const named = new Set<NodeId>();
  for (const step of change.steps) {
    if (named.has(step.nodeId)) {
      return refused(`the change names ${step.nodeId} twice`);
    }
    if (step.type === "remove" && !members.includes(step.nodeId)) {
      return refused(`${step.nodeId} is not a member`);
    }
    named.add(step.nodeId);
  }
  return takeSteps(current, change.steps);
}

function takeSteps(current: Configuration, steps: readonly MembershipStep[]): ChangeResult {
  const voters = new Set(current.voters);
  const learners = new Set(current.learners);
  const demoted = new Set<NodeId>();
  for (const { type, nodeId } of steps) {
    const wasVoter = voters.delete(nodeId);
    learners.delete(nodeId);
    if (type === "addVoter") {
      voters.add(nodeId);
    } else if (type === "addLearner") {
      (wasVoter ? demoted : learners).add(nodeId);
    }
  }
  if (voters.size === 0) {
    return refused("no voter would be left");
  }
  const joining = [...voters].filter((nodeId) => !current.voters.includes(nodeId)).length;
  const leaving = current.voters.filter((nodeId) => !voters.has(nodeId)).length;
  return joining + leaving > 1
    ? accepted({
        voters: sorted(voters),
        votersOutgoing: current.voters,
        learners: sorted(learners),
        // An outgoing voter still votes, so it must not be a learner yet.
        learnersNext: sorted(demoted),
      })
    : accepted({
        voters: sorted(voters),
        votersOutgoing: [],
        learners: sorted([...learners, ...demoted]),
        learnersNext: [],
      });
}

function leave(current: Configuration): ChangeResult {
  return accepted({
    voters: current.voters,
    votersOutgoing: [],
    learners: sorted([...current.learners, ...current.learnersNext]),
    learnersNext: [],
  });
}

function accepted(configuration: Configuration): ChangeResult {
  checkConfiguration(configuration);
  return { status: "ok", configuration };
}

function refused(problem: string): ChangeResult {
  return { status: "refused", problem };
}

function sorted(nodeIds: Iterable<NodeId>): readonly NodeId[] {
  return [...new Set(nodeIds)].sort();
}

/**
 * What is wrong with a configuration, or null. The lists are sorted sets; a node votes or learns, never both; only a voter on
 * its way out becomes a learner next. Whoever takes a configuration from the network asks here and refuses it in time.
 */
export function configurationProblem(configuration: Configuration): string | null {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  const lists = [voters, votersOutgoing, learners, learnersNext];
  if (!lists.every((list) => list.every((nodeId, at) => at === 0 || list[at - 1]! < nodeId))) {
    return "the lists of a configuration are sorted sets";
  }
  if (learners.some((nodeId) => voters.includes(nodeId) || votersOutgoing.includes(nodeId))) {
    return "a learner has no vote";
  }
  return learnersNext.every((nodeId) => votersOutgoing.includes(nodeId) && !voters.includes(nodeId))
    ? null
    : "only an outgoing voter becomes a learner when the joint state is left";
}

/** What is wrong with a snapshot that a leader of `term` offers, or null. */
export function snapshotProblem(snapshot: SnapshotPoint, term: Term): string | null {
  if (snapshot.term > term) {
    return "a snapshot is not of a later term than its leader";
  }
  return snapshot.configuration.voters.length === 0
    ? "somebody votes in the configuration of a snapshot"
    : configurationProblem(snapshot.configuration);
}

/** Refuses, as a broken invariant, a configuration that could not have come about. */
export function checkConfiguration(configuration: Configuration): void {
  const problem = configurationProblem(configuration);
  invariant(problem === null, problem ?? "", { configuration });
}
