import type { LevelImage } from "../level-image.ts";
import type { Seeded } from "../seeded.ts";
import type { Damage } from "../sim-disk.ts";

type DamageOf = (level: LevelImage, random: Seeded, others: readonly LevelImage[]) => Damage | null;

/** Records that stand once in each database (cluster/storage/keys.ts). */
const singleRecords = ["h/0", "a/0", "p/0", "g/0", "t/0", "n", "i", "q", "v"];

function noticed(what: string): Damage {
  return { what, isAlwaysNoticed: true };
}

function keysUnder(level: LevelImage, start: string): string[] {
  return [...level.records.keys()].filter((key) => key.startsWith(start)).sort();
}

function flip(level: LevelImage, random: Seeded, key: string | undefined): Damage | null {
  const value = key === undefined ? undefined : level.records.get(key);
  if (key === undefined || value === undefined) return null;
  level.records.set(key, flipped(value, random));
  return noticed(`a bit of ${key} is flipped`);
}

function flipped(value: Buffer, random: Seeded): Buffer {
  const copy = Buffer.from(value);
  const at = Math.floor(random.next() * copy.length);
  copy[at] = (copy[at] as number) ^ (1 << Math.floor(random.next() * 8));
  return copy;
}

/** What may have happened to a stopped node's database. */
export const damages: readonly DamageOf[] = [
  (level, random) => flip(level, random, random.pick(keysUnder(level, "l/"))),
  (level, random) => flip(level, random, random.pick(singleRecords)),
  (level, random) => flip(level, random, random.pick(keysUnder(level, level.statePrefix))),
  (level, random) => {
    if (level.floor === null) return null;
    level.floor = flipped(level.floor, random);
    return noticed("a bit of the floor file is flipped");
  },
  // An entry is gone, though later ones are there: the hole that LevelDB leaves when it skips what it cannot read.
  (level, random) => {
    const key = random.pick(keysUnder(level, "l/").slice(0, -1));
    if (key === undefined) return null;
    level.records.delete(key);
    return noticed(`${key} is gone`);
  },
  // A sound record of another history in this one's place.
  (level, random, others) => {
    const foreign = keysUnder(level, "l/").flatMap((key) =>
      others.flatMap(({ records }) => {
        const value = records.get(key);
        return value === undefined || level.records.get(key)?.equals(value) ? [] : [{ key, value }];
      }),
    );
    const choice = random.pick(foreign);
    if (choice === undefined) return null;
    level.records.set(choice.key, choice.value);
    return noticed(`${choice.key} is one of another log`);
  },
  // A write that is all there but for a bit is no torn one, also not the last (cluster/storage/files).
  (level) => {
    level.fileDamage = "000007.log";
    return noticed("a bit of 000007.log is flipped");
  },
];
