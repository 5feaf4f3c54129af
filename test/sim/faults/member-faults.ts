import type { Seeded } from "../seeded.ts";
import type { World } from "../world.ts";
import type { Strike, Undo } from "./strike.ts";

const nodesMax = 7;
const stepMs = 400;

/** Leadership moves, nodes come and go. */
export const memberFaults = {
  transfer: (world, random) => {
    const asked = random.pick(world.serving);
    const to = random.chance(0.5) ? null : (random.pick(world.serving)?.nodeId ?? null);
    asked?.cluster?.transferLeadership(to).catch(() => undefined);
    return null;
  },
  join: (world) => {
    if (present(world) < nodesMax) world.add();
    return null;
  },
  remove: (world, random) => {
    removeOne(world, random);
    return null;
  },
  growTo3: (world) => grow(world, 3),
  growTo5: (world) => grow(world, 5),
  shrinkTo3: (world, random, fault) => shrink(world, random, fault.durationMs),
} satisfies Record<string, Strike>;

function present(world: World): number {
  return world.nodes.filter(({ isGone }) => !isGone).length;
}

function grow(world: World, nodes: number): Undo {
  for (let count = present(world); count < nodes; count++) world.add();
  return null;
}

/** An operator takes out a member while more than three are there; not while a disk is lost: what is left might be too few. */
function removeOne(world: World, random: Seeded): void {
  const members = world.leader?.cluster?.members() ?? [];
  const isWhole = members.every(({ nodeId }) => world.node(nodeId)?.isWhole === true);
  if (members.length <= 3 || !isWhole) return;
  const target = random.pick(members);
  const asked = random.pick(world.serving);
  world.lastRemovalMs = world.clock.nowMs;
  asked?.cluster?.removeMember(target.nodeId).catch(() => undefined);
}

/** An operator takes one member after the other out, whoever it is, until three are left or its time is over. */
function shrink(world: World, random: Seeded, durationMs: number): Undo {
  let isOver = false;
  const endMs = world.clock.nowMs + durationMs;
  const step = (): void => {
    if (isOver || world.isHealed || world.clock.nowMs > endMs) return;
    removeOne(world, random);
    world.clock.after(stepMs, step);
  };
  step();
  return () => {
    isOver = true;
  };
}
