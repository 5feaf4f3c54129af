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
  "loseDisk",
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

/** What a seed brings. Each seed uses some kinds of faults only, since some hide what others would show. */
export function planOf(seed: number, seconds: number): Plan {
  const random = new Seeded(seed, "plan");
  const nodes = random.pick([1, 3, 3, 3, 4, 5, 5]);
  const clients = random.pick([2, 4, 6]);
  const share = random.pick([0.2, 0.4, 0.8]);
  const kinds = faultKinds.filter(() => random.chance(share));
  const gapMs = random.pick([300, 900, 2500]);
  const faults: Fault[] = [];
  let atMs = calmMs * random.next();
  while (kinds.length > 0) {
    atMs += -Math.log(1 - random.next()) * gapMs;
    if (atMs >= seconds * 1000) break;
    faults.push({
      number: faults.length + 1,
      kind: random.pick(kinds),
      atMs,
      durationMs: random.pick([100, 500, 1500, 4000]) * (0.5 + random.next()),
      seed: Math.floor(random.next() * 2 ** 31),
    });
  }
  return { nodes, clients, faults };
}
