import type { Seeded } from "../seeded.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";
import type { Strike, Undo } from "./strike.ts";

/** Processes die, hang, end, and look at clocks that jump. */
export const processFaults = {
  crash: (world, random) => crash(world, random, [random.pick(world.running)]),
  crashLeader: (world, random) => crash(world, random, [world.leader]),
  crashMinority: (world, random) => {
    const running = random.shuffled(world.running);
    return crash(world, random, running.slice(0, Math.floor((running.length - 1) / 2)));
  },
  crashAll: (world, random) => crash(world, random, world.running),
  stop: (world, random) => {
    const node = random.pick(world.serving);
    if (node === undefined) return null;
    void node.stop();
    return () => world.startSoon(node);
  },
  pause: (world, random) => pause(random.pick(world.serving)),
  pauseLeader: (world) => pause(world.leader),
  wallJump: (world, random) => {
    const node = random.pick(world.nodes);
    if (node !== undefined) node.wall.offsetMs += Math.floor(random.between(-1, 1) * 3_600_000);
    return null;
  },
} satisfies Record<string, Strike>;

function crash(world: World, random: Seeded, nodes: readonly (SimNode | null | undefined)[]): Undo {
  // A torn batch counts as lost: its checksum does not fit.
  for (const node of nodes) node?.crash(random.pick(["lost", "kept"]));
  return () => {
    for (const node of nodes) if (node != null) world.startSoon(node);
  };
}

function pause(node: SimNode | null | undefined): Undo {
  node?.pause();
  return node == null ? null : () => node.resume();
}
