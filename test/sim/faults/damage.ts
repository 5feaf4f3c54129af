import type { LevelImage } from "../level-image.ts";
import { framesOf, type ImageFile } from "../log-files-image.ts";
import type { Seeded } from "../seeded.ts";
import type { Damage } from "../sim-disk.ts";

type DamageOf = (level: LevelImage, random: Seeded, others: readonly LevelImage[]) => Damage | null;

/** Records that stand once in each database (cluster/storage/keys.ts). */
const singleRecords = ["a/0", "p/0", "g/0", "n", "i", "q", "v"];

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

function soundFrames({ bytes, durableSizeBytes }: ImageFile) {
  return framesOf(bytes.subarray(0, durableSizeBytes));
}

function replace(
  file: ImageFile,
  { at, end }: { readonly at: number; readonly end: number },
  content: Buffer,
): void {
  const { bytes } = file;
  file.bytes = Buffer.concat([bytes.subarray(0, at), content, bytes.subarray(end)]);
  file.durableSizeBytes += content.length - (end - at);
}

/** What may have happened to a stopped node's database. */
export const damages: readonly DamageOf[] = [
  (level, random) => {
    const file = random.pick(level.logFilesNeeded);
    if (file === undefined) return null;
    const sound = file.bytes.subarray(0, file.durableSizeBytes);
    file.bytes = Buffer.concat([flipped(sound, random), file.bytes.subarray(sound.length)]);
    return noticed(`a bit of file ${file.name.number} of the log is flipped`);
  },
  (level, random) => flip(level, random, random.pick(singleRecords)),
  (level, random) => flip(level, random, random.pick(keysUnder(level, level.statePrefix))),
  (level, random) => {
    if (level.floor === null) return null;
    level.floor = flipped(level.floor, random);
    return noticed("a bit of the floor file is flipped");
  },
  // A batch is gone, though later ones are there.
  (level, random) => {
    const file = random.pick(level.logFilesNeeded);
    const frame = file && random.pick(soundFrames(file).slice(0, -1));
    if (file === undefined || frame === undefined) return null;
    replace(file, frame, Buffer.alloc(0));
    return noticed(`batch ${frame.sequence} of file ${file.name.number} of the log is gone`);
  },
  // A sound batch of another log in this one's place.
  (level, random, others) => {
    const file = random.pick(level.logFilesNeeded);
    const frame = file && random.pick(soundFrames(file));
    const other = random.pick(others.filter((each) => each !== level));
    const foreign = other?.log.files.flatMap((each) =>
      soundFrames(each).map(({ at, end }) => each.bytes.subarray(at, end)),
    );
    const choice = foreign && random.pick(foreign);
    if (file === undefined || frame === undefined || choice === undefined) return null;
    replace(file, frame, choice);
    return noticed(`batch ${frame.sequence} of file ${file.name.number} is one of another log`);
  },
  (level, random) => {
    const file = random.pick(level.logFilesNeeded.slice(0, -1));
    if (file === undefined) return null;
    level.log.files = level.log.files.filter((each) => each !== file);
    return noticed(`file ${file.name.number} of the log is gone`);
  },
  // A write that is all there but for a bit is no torn one, also not the last (cluster/storage/files).
  (level) => {
    level.fileDamage = "000007.log";
    return noticed("a bit of 000007.log is flipped");
  },
];
