import type { Fault, FaultKind } from "./plan.ts";
import { Seeded } from "./seeded.ts";
import type { SimNode } from "./sim-node.ts";
import { diskFull, type World } from "./world.ts";

/** What undoes a fault when its time is over; null when there is nothing to undo. */
type Undo = (() => void) | null;
type Strike = (world: World, random: Seeded, fault: Fault) => Undo;

const nodesMax = 7;

/** Brings a fault about, and takes it back after its duration unless the world was healed before. */
export function strike(world: World, fault: Fault, isHealed: () => boolean): void {
  world.note(`fault ${fault.number}: ${fault.kind} for ${fault.durationMs.toFixed(0)} ms`);
  const undo = strikes[fault.kind](world, new Seeded(fault.seed, "fault"), fault);
  if (undo === null) return;
  world.clock.after(fault.durationMs, () => {
    if (!isHealed()) undo();
  });
}

const strikes: Record<FaultKind, Strike> = {
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
  reset: (world, random) => {
    const [one, ...others] = random.shuffled(world.running);
    for (const other of others) {
      if (one !== undefined && random.chance(0.6)) world.network.reset(one.nodeId, other.nodeId);
    }
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
    node.process.storage.fail(diskFull);
    return () => world.startSoon(node);
  },
  wallJump: (world, random) => {
    const node = random.pick(world.nodes);
    if (node !== undefined) node.wall.offsetMs += Math.floor(random.between(-1, 1) * 3_600_000);
    return null;
  },
  transfer: (world, random) => {
    const asked = random.pick(world.serving);
    const to = random.chance(0.5) ? null : (random.pick(world.serving)?.nodeId ?? null);
    asked?.cluster?.transferLeadership(to).catch(() => undefined);
    return null;
  },
  join: (world) => {
    if (world.nodes.filter(({ isGone }) => !isGone).length < nodesMax) world.add();
    return null;
  },
  remove: (world, random) => {
    const members = world.leader?.cluster?.members() ?? [];
    if (members.length <= 3) return null;
    const target = random.pick(members);
    const asked = random.pick(world.serving);
    asked?.cluster?.removeMember(target.nodeId).catch(() => undefined);
    return null;
  },
  loseDisk: (world, random) => loseDisk(world, random),
};

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

/**
 * A disk is found damaged or is lost: the node never votes again and a new one comes in its place. Only while all nodes run and
 * agree that three or more vote, and none was lost before: to lose a majority of disks is to lose data, in any system.
 */
function loseDisk(world: World, random: Seeded): Undo {
  const nodes = world.nodes.filter(({ isGone }) => !isGone);
  const configurations = nodes.map(({ process }) => process?.storage.configuration ?? null);
  const voters = configurations[0]?.voters ?? [];
  const isSettled = configurations.every(
    (one) => one?.votersOutgoing.length === 0 && one.voters.join() === voters.join(),
  );
  if (voters.length < 3 || !isSettled || world.lostDisks > 0) return null;
  const node = random.pick(nodes);
  node.isGone = true;
  node.crash("lost");
  world.lostDisks++;
  world.add();
  return null;
}
