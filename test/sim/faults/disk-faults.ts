import type { Fault } from "../plan.ts";
import type { Seeded } from "../seeded.ts";
import type { SimNode } from "../sim-node.ts";
import { diskFull, type World } from "../world.ts";
import { damages } from "./damage.ts";
import type { Strike } from "./strike.ts";

/** After which a removal has happened, or will not any more. */
const removalMs = 8000;
const lowAtLeastMs = 4000;
const lookMs = 50;
/** For how long a fault waits for a moment at which it does no more harm than any system can bear. */
const patienceMs = 10_000;

/** Disks are slow, full, cut off from power, lie, forget, and are lost. */
export const diskFaults = {
  slowDisk: (world, random) => {
    const nodes = random.shuffled(world.nodes).slice(0, random.pick([1, 1, 2, 5]));
    for (const node of nodes) node.isDiskSlow = true;
    return () => {
      for (const node of nodes) node.isDiskSlow = false;
    };
  },
  fullDisk: (world, random) => {
    const node = random.pick(world.serving);
    if (node?.process == null) return null;
    node.process.failDisk(diskFull);
    return () => world.startSoon(node);
  },
  // A node looks at its disk every five seconds only.
  diskLow: (world, random, { durationMs }) => {
    const nodes = random.shuffled(world.nodes).slice(0, random.pick([1, 1, 2, 5]));
    const { clock } = world;
    for (const node of nodes) node.lowSinceMs ??= clock.nowMs;
    clock.after(lowAtLeastMs + durationMs, () => {
      for (const node of nodes) node.lowSinceMs = null;
    });
    return null;
  },
  loseDisk: (world, random, fault) =>
    damage(world, random, fault, (node) => {
      node.isGone = true;
      node.crash("lost");
      world.add();
    }),
  // The key is left, or it was restored: its id must not come back with an empty disk.
  wipeDisk: (world, random, fault) =>
    damage(world, random, fault, (node) => {
      node.crash("lost");
      node.wipe();
    }),
  lyingDisk: (world, random, fault) =>
    damage(world, random, fault, (node) => {
      const { level } = node.disk;
      if (level === null) return;
      node.crash("lost");
      const batches = random.pick([1, 2, 10, 100]);
      const part = random.pick(["log", "state", "both"]);
      const lost =
        (part === "log" ? 0 : level.loseTail(batches)) +
        (part === "state" ? 0 : level.log.loseTail(batches));
      const what = `${lost} synced batches are gone (${part})`;
      node.disk.damage = { what, isAlwaysNoticed: false };
    }),
  bitFlip: (world, random, fault) =>
    damage(world, random, fault, (node) => {
      const { level } = node.disk;
      if (level === null) return;
      node.crash(random.pick(["lost", "kept"]));
      const others = world.nodes.flatMap(({ disk }) => disk.level ?? []);
      node.disk.damage = random.pick(damages)(level, random, others);
    }),
} satisfies Record<string, Strike>;

/** Waits until a disk may be damaged, and starts its node again when the time of the fault is over. */
function damage(world: World, random: Seeded, fault: Fault, act: (node: SimNode) => void): null {
  const untilMs = world.clock.nowMs + patienceMs;
  const look = (): void => {
    if (world.isHealed) return;
    const node = damageable(world, random);
    if (node !== null) {
      act(node);
      world.note(`${node.label}: ${node.disk.damage?.what ?? fault.kind}`);
      world.clock.after(fault.durationMs, () => {
        if (!world.isHealed) world.startSoon(node);
      });
    } else if (world.clock.nowMs < untilMs) world.clock.after(lookMs, look);
  };
  look();
  return null;
}

/** Some log or disk holds a change of who votes that may still come into force, and count on the disk that is to be damaged. */
function hasChangeAhead({ nodes, leader, facts }: World): boolean {
  if (nodes.some(({ process }) => process?.storage?.hasChangeAhead === true)) return true;
  const appliedIndex = leader?.process?.storage?.appliedIndex ?? 0;
  return facts.changes.some(
    ({ index, term }) =>
      index > appliedIndex && nodes.some(({ disk }) => disk.durable.holds(index, term)),
  );
}

/**
 * A node whose disk may be damaged: to lose a majority of disks is to lose data, in any system. So three or more vote, all of their
 * disks are whole, and a quorum without that node runs and knows who votes.
 */
function damageable(world: World, random: Seeded): SimNode | null {
  const target = random.pick(world.serving);
  const configuration = world.leader?.process?.storage?.configuration;
  if (target === undefined || configuration == null) return null;
  const { voters, votersOutgoing } = configuration;
  if (voters.length < 3 || votersOutgoing.length > 0) return null;
  if (hasChangeAhead(world)) return null;
  const nodes = voters.map((voter) => world.node(voter));
  const isRemoving = world.clock.nowMs - world.lastRemovalMs < removalMs;
  if (isRemoving || nodes.some((node) => node?.isWhole !== true)) return null;
  const knowing = nodes.filter((node) => {
    const known = node?.process?.storage?.configuration;
    // One that has not heard that the joint state is over still needs the old voters, too.
    const isSettled = known?.votersOutgoing.length === 0 && known.voters.join() === voters.join();
    return node !== target && isSettled;
  });
  return knowing.length * 2 > voters.length ? target : null;
}
