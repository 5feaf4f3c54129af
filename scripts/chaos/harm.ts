import { type Flock, type Place, pause } from "./flock.ts";

/** What a nemesis works on. */
export interface Harm {
  readonly flock: Flock;
  readonly random: () => number;
  readonly syncTimeoutMs: number;
  /** So long this turn may take, with the recovery from it. */
  readonly budgetMs: number;
}

/** Of a budget, for what comes before and behind the harm itself: signals, restarts, being in sync again. */
const recoveryMs = 8000;

/**
 * Does harm, lasts a while, undoes it. Resolves with what it did, for the report; throws when the node did not behave as
 * promised. Whether the flock is in sync afterwards, and its history right, is not its business.
 */
export interface Nemesis {
  readonly name: string;
  /** Null: it can run here. */
  readonly obstacle: (flock: Flock) => string | null;
  readonly run: (harm: Harm) => Promise<string>;
}

export const always = (): null => null;

/** Waits for a random time between the two, if the budget has room for it. */
export async function last(harm: Harm, fromMs: number, toMs: number): Promise<string> {
  const mostMs = Math.max(fromMs, Math.min(toMs, harm.budgetMs - recoveryMs));
  const forMs = fromMs + harm.random() * (mostMs - fromMs);
  await pause(forMs);
  return `${(forMs / 1000).toFixed(1)} s`;
}

export function shuffled<T>(all: readonly T[], random: () => number): T[] {
  return all
    .map((one) => ({ one, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ one }) => one);
}

/** Not the leader, and not on the small disk if there is one, since its directory must stay where it is. */
export async function anyFollower({
  flock,
  random,
}: Pick<Harm, "flock" | "random">): Promise<Place> {
  const leader = await flock.leader(10_000);
  const isMovable = ({ index }: Place): boolean => index !== 0 || flock.smallDisk === null;
  const others = flock.places.filter((place) => place !== leader && isMovable(place));
  return shuffled(others, random)[0] as Place;
}

/** Some less than half of all, with `leader` if given. */
export function minority(harm: Harm, leader: Place | null): readonly Place[] {
  const { flock, random } = harm;
  const others = shuffled(
    flock.places.filter((place) => place !== leader),
    random,
  );
  const count = Math.floor((flock.places.length - 1) / 2);
  return (leader === null ? others : [leader, ...others]).slice(0, count);
}

export function namesOf(places: readonly Place[]): string {
  return places.map(({ name }) => name).join(" ");
}
