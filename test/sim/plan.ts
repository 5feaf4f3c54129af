import { Seeded } from "./seeded.ts";

export const faultKinds = [
  "crash",
  "crashLeader",
  "crashMinority",
  "crashAll",
  "stop",
  "pause",
  "pauseLeader",
  "reset",
  "resetLeader",
  "split",
  "isolateLeader",
  "deafLeader",
  "oneWay",
  "bridge",
  "slowDisk",
  "fullDisk",
  "wallJump",
  "transfer",
  "join",
  "remove",
  "growTo3",
  "growTo5",
  "shrinkTo3",
  "loseDisk",
  "wipeDisk",
  "lyingDisk",
  "bitFlip",
  "diskLow",
  "duplicate",
  "reorder",
  "lateFrames",
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** One fault, as data: each has a seed of its own, so that leaving one out does not change what the others choose. */
export interface Fault {
  readonly number: number;
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly durationMs: number;
  readonly seed: number;
}

export interface Plan {
  readonly nodes: number;
  readonly clients: number;
  readonly faults: readonly Fault[];
}

const calmMs = 2000;

const churnChance = 1 / 6;

/**
 * What a seed brings. Each uses some kinds of faults only, since some hide what others would show; in some a cluster grows and
 * shrinks meanwhile.
 */
export function planOf(seed: number, seconds: number): Plan {
  const random = new Seeded(seed, "plan");
  const isChurning = random.chance(churnChance);
  const nodes = random.pick([1, 3, 3, 3, 4, 5, 5]);
  const clients = random.pick([2, 4, 6]);
  const share = random.pick([0.2, 0.4, 0.8]);
  const kinds = faultKinds.filter(() => random.chance(share));
  const gapMs = random.pick([300, 900, 2500]);
  const faults: Omit<Fault, "number">[] = isChurning ? churn(random, seconds * 1000) : [];
  let atMs = calmMs * random.next();
  while (kinds.length > 0) {
    atMs += -Math.log(1 - random.next()) * gapMs;
    if (atMs >= seconds * 1000) break;
    faults.push({
      kind: random.pick(kinds),
      atMs,
      durationMs: random.pick([100, 500, 1500, 4000]) * (0.5 + random.next()),
      seed: seedOf(random),
    });
  }
  faults.sort((a, b) => a.atMs - b.atMs);
  return {
    nodes: isChurning ? 1 : nodes,
    clients,
    faults: faults.map((fault, i) => ({ number: i + 1, ...fault })),
  };
}

/** Whether some of the faults need disks with records that can be damaged. */
export function needsLevel({ faults }: Plan): boolean {
  return faults.some(({ kind }) => kind === "bitFlip" || kind === "lyingDisk");
}

/** From one node to three, to five and back to three, in that time. */
function churn(random: Seeded, totalMs: number): Omit<Fault, "number">[] {
  const at = (kind: FaultKind, from: number, to: number): Omit<Fault, "number"> => ({
    kind,
    atMs: totalMs * random.between(from, to),
    durationMs: totalMs * 0.3,
    seed: seedOf(random),
  });
  return [at("growTo3", 0.05, 0.2), at("growTo5", 0.25, 0.5), at("shrinkTo3", 0.55, 0.75)];
}

function seedOf(random: Seeded): number {
  return Math.floor(random.next() * 2 ** 31);
}
