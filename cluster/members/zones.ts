import type { NodeId } from "../node-id.ts";

/** A member and where it stands. */
export interface Placed {
  readonly nodeId: NodeId;
  readonly name: string;
  /** What fails together with it; members without one, "", count as one zone. */
  readonly zone: string;
}

/** How many stand in each zone. */
function countByZone(members: readonly Placed[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { zone } of members) counts.set(zone, (counts.get(zone) ?? 0) + 1);
  return counts;
}

/** `count` of `candidates`, one after the other from the zone with the fewest of `present`; of equals the first. */
export function intoEmptiestZones<Member extends Placed>(
  candidates: readonly Member[],
  present: readonly Placed[],
  count: number,
): readonly Member[] {
  const counts = countByZone(present);
  const chosen: Member[] = [];
  while (chosen.length < Math.min(count, candidates.length)) {
    const next = candidates
      .filter((candidate) => !chosen.includes(candidate))
      .reduce((a, b) => (inZone(counts, b) < inZone(counts, a) ? b : a));
    counts.set(next.zone, inZone(counts, next) + 1);
    chosen.push(next);
  }
  return chosen;
}

/** `count` of `candidates`, one after the other from the zone with the most of `present`; of equals the first. */
export function fromFullestZones<Member extends Placed>(
  candidates: readonly Member[],
  present: readonly Placed[],
  count: number,
): readonly Member[] {
  const counts = countByZone(present);
  const chosen: Member[] = [];
  while (chosen.length < Math.min(count, candidates.length)) {
    const next = candidates
      .filter((candidate) => !chosen.includes(candidate))
      .reduce((a, b) => (inZone(counts, b) > inZone(counts, a) ? b : a));
    counts.set(next.zone, inZone(counts, next) - 1);
    chosen.push(next);
  }
  return chosen;
}

/**
 * An exchange of one of `movable` for one of `candidates` that spreads `voters` more evenly, or null. Two zones must differ by
 * two: then each step makes the spread strictly better, so that steps never undo each other.
 */
export function spreadStep<Member extends Placed>(
  movable: readonly Member[],
  voters: readonly Placed[],
  candidates: readonly Member[],
): { readonly promote: Member; readonly demote: Member } | null {
  const counts = countByZone(voters);
  const [promote] = intoEmptiestZones(candidates, voters, 1);
  const [demote] = fromFullestZones(movable, voters, 1);
  if (promote === undefined || demote === undefined) return null;
  return inZone(counts, demote) - inZone(counts, promote) >= 2 ? { promote, demote } : null;
}

function inZone(counts: ReadonlyMap<string, number>, { zone }: Placed): number {
  return counts.get(zone) ?? 0;
}
