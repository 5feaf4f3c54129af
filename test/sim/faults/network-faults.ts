import type { Seeded } from "../seeded.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";
import type { Strike, Undo } from "./strike.ts";

const lateMsMax = 2000;

/** Links break, networks split, and Raft's messages come late, twice and in another order. */
export const networkFaults = {
  reset: (world, random) => {
    resetSome(world, random);
    return null;
  },
  resetLeader: (world, random) => {
    const { leader } = world;
    for (const other of world.running) {
      if (leader !== null && other !== leader && random.chance(0.8)) {
        world.network.reset(leader.nodeId, other.nodeId);
      }
    }
    return null;
  },
  split: (world, random) => {
    const nodes = random.shuffled(world.nodes);
    const at = Math.floor(random.next() * nodes.length);
    return cut(world, nodes.slice(0, at), nodes.slice(at), "both");
  },
  isolateLeader: (world) => {
    const { leader } = world;
    const others = world.nodes.filter((node) => node !== leader);
    return leader === null ? null : cut(world, [leader], others, "both");
  },
  deafLeader: (world, random) => {
    const { leader } = world;
    const others = world.nodes.filter((node) => node !== leader);
    if (leader === null) return null;
    return random.chance(0.5)
      ? cut(world, others, [leader], "oneWay")
      : cut(world, [leader], others, "oneWay");
  },
  oneWay: (world, random) => {
    const [one, ...others] = random.shuffled(world.nodes);
    return one === undefined ? null : cut(world, [one], others.slice(0, 2), "oneWay");
  },
  bridge: (world, random) => {
    const [, ...sides] = random.shuffled(world.nodes);
    const at = Math.ceil(sides.length / 2);
    return cut(world, sides.slice(0, at), sides.slice(at), "both");
  },
  duplicate: ({ raftWeather }, random) => {
    raftWeather.set({
      duplicateRate: random.pick([0.05, 0.3]),
      lateRate: 0,
      lateMs: lateMs(random),
    });
    return () => raftWeather.calm();
  },
  reorder: ({ raftWeather }, random) => {
    raftWeather.set({
      duplicateRate: random.pick([0, 0.05]),
      lateRate: random.pick([0.05, 0.3]),
      lateMs: lateMs(random),
    });
    return () => raftWeather.calm();
  },
  // Everything said within some milliseconds comes after the first words on the new links.
  lateFrames: (world, random) => {
    const { raftWeather, clock } = world;
    raftWeather.set({ duplicateRate: 0, lateRate: 1, lateMs: lateMs(random) });
    clock.after(random.between(5, 80), () => {
      raftWeather.calm();
      resetSome(world, random);
    });
    return null;
  },
} satisfies Record<string, Strike>;

function lateMs(random: Seeded): number {
  return random.pick([10, 100, lateMsMax]);
}

function resetSome(world: World, random: Seeded): void {
  const [one, ...others] = random.shuffled(world.running);
  for (const other of others) {
    if (one !== undefined && random.chance(0.6)) world.network.reset(one.nodeId, other.nodeId);
  }
}

function cut(
  { network }: World,
  side: readonly SimNode[],
  other: readonly SimNode[],
  direction: "both" | "oneWay",
): Undo {
  const pairs = side.flatMap((a) => other.map((b) => [a.nodeId, b.nodeId] as const));
  for (const [a, b] of pairs) {
    network.partition(a, b);
    if (direction === "both") network.partition(b, a);
  }
  return () => {
    for (const [a, b] of pairs) {
      network.heal(a, b);
      if (direction === "both") network.heal(b, a);
    }
  };
}
