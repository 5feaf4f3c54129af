import { open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { readLiveFiles } from "../../cluster/storage/files/verify.ts";
import { type Flock, type Place, pause } from "./flock.ts";
import { always, anyFollower, type Harm, last, type Nemesis, namesOf } from "./harm.ts";
import { losePower } from "./power-loss/power-loss.ts";

/** So long a node may go on with a full disk before it notices, under load. */
const fullTimeoutMs = 20_000;
/** Less than a node keeps in reserve, more than it writes meanwhile. */
const nearlyFullBytes = 4 * 1024 * 1024;

/** Harm to what is stored. */
export const diskNemeses: readonly Nemesis[] = [
  {
    name: "power loss of all, keeping what was synced",
    obstacle: needsRecorder,
    run: (harm) => powerLoss(harm, false),
  },
  {
    name: "power loss of all, keeping random parts of the rest",
    obstacle: needsRecorder,
    run: (harm) => powerLoss(harm, true),
  },
  {
    name: "disk full",
    obstacle: needsSmallDisk,
    run: fillDisk,
  },
  {
    name: "disk nearly full",
    obstacle: needsSmallDisk,
    run: nearlyFillDisk,
  },
  { name: "a flipped byte in a .log", obstacle: always, run: (harm) => flip(harm, ".log") },
  { name: "a flipped byte in an .ldb", obstacle: always, run: (harm) => flip(harm, ".ldb") },
  { name: "a wiped directory", obstacle: always, run: wipe },
];

function needsRecorder({ isRecorded }: Flock): string | null {
  return isRecorded ? null : "needs a C compiler on Linux";
}

function needsSmallDisk({ smallDisk }: Flock): string | null {
  return smallDisk === null ? "needs root and a mount" : null;
}

async function powerLoss({ flock, random }: Harm, isKeepingParts: boolean): Promise<string> {
  await flock.kill(flock.places);
  let lostBytes = 0;
  for (const place of flock.places) {
    lostBytes += await losePower(place, isKeepingParts ? random : null);
  }
  await Promise.all(flock.places.map((place) => flock.restart(place)));
  return `${namesOf(flock.places)}, ${lostBytes} unsynced bytes gone`;
}

/** The node must end, saying why, or wait for room; it must not acknowledge what it cannot store. */
async function fillDisk(harm: Harm): Promise<string> {
  const { flock } = harm;
  const place = flock.placeAt(0);
  await flock.smallDisk?.fill(0);
  const deadlineMs = performance.now() + fullTimeoutMs;
  while (place.process.isRunning && performance.now() < deadlineMs) await pause(100);
  const hasEnded = !place.process.isRunning;
  const hasSaidWhy = place.process.log.some((line) => line.includes("storage-f"));
  const time = await last(harm, 500, 3000);
  await flock.smallDisk?.makeRoom();
  if (!hasEnded) return `${place.name} went on, ${time}`;
  if (!hasSaidWhy) {
    const log = place.process.log.slice(-12).join("\n");
    throw new Error(`${place.name} ended without saying that its disk is full:\n${log}`);
  }
  await flock.restart(place);
  return `${place.name} ended and said why, ${time}`;
}

/** The node must raise its alarm while there is room to go on, and write again when there is more. */
async function nearlyFillDisk(harm: Harm): Promise<string> {
  const { flock } = harm;
  const place = flock.placeAt(0);
  await flock.smallDisk?.fill(nearlyFullBytes);
  const time = await last(harm, 4000, 8000);
  const isRunning = place.process.isRunning;
  await flock.smallDisk?.makeRoom();
  const hasAlarm = place.process.log.some((line) => line.includes("the disk is nearly full"));
  if (!isRunning || !hasAlarm) {
    const what = isRunning ? "raised no alarm" : "ended";
    const log = place.process.log.slice(-12).join("\n");
    throw new Error(`${place.name} ${what} with ${nearlyFullBytes} bytes free:\n${log}`);
  }
  return `${place.name}, ${time}`;
}

/** The node must notice, and come back under another id, by itself or (if it ends with the error) with an empty directory. */
async function flip(harm: Harm, extension: ".log" | ".ldb"): Promise<string> {
  const { flock } = harm;
  const place = await anyFollower(harm);
  const oldId = place.ready?.nodeId ?? "";
  await flock.kill([place]);
  const directory = join(place.dataDir, "db", "database");
  let where = await flipByte(directory, extension, harm.random);
  if (where === null) {
    // The database turns its log into a table when it opens.
    await flock.restart(place);
    await flock.kill([place]);
    where = await flipByte(directory, extension, harm.random);
  }
  if (where === null) {
    await flock.restart(place);
    return `${place.name} has no ${extension}: not run`;
  }
  try {
    await flock.restart(place);
  } catch (error) {
    if (!(error as Error).message.includes("storage-corrupt")) throw error;
    await startEmpty(flock, place, oldId, harm.syncTimeoutMs);
    return `${place.name}, ${where}: ended with storage-corrupt`;
  }
  if (place.ready?.nodeId === oldId) {
    throw new Error(`${place.name} went on under its old id after a flipped byte in ${where}`);
  }
  await flock.remove(oldId, harm.syncTimeoutMs);
  return `${place.name}, ${where}: came back by itself under a new id`;
}

async function wipe(harm: Harm): Promise<string> {
  const { flock } = harm;
  const place = await anyFollower(harm);
  const oldId = place.ready?.nodeId ?? "";
  await flock.kill([place]);
  await startEmpty(flock, place, oldId, harm.syncTimeoutMs);
  return place.name;
}

async function startEmpty(
  flock: Flock,
  place: Place,
  oldId: string,
  timeoutMs: number,
): Promise<void> {
  for (const directory of [place.dataDir, place.shadow]) {
    await rm(directory, { recursive: true, force: true });
  }
  await flock.remove(oldId, timeoutMs);
  await flock.restart(place);
  if (place.ready?.nodeId === oldId) throw new Error(`${place.name} kept its id without its data`);
}

/**
 * Which byte of which file, or null where there is none: in the middle half of the largest file, where records are. Tables that
 * a kill left behind are passed over: the database removes them unread, so damage in them is none.
 */
async function flipByte(
  directory: string,
  extension: string,
  random: () => number,
): Promise<string | null> {
  const { tables } = await readLiveFiles(directory);
  const isLive = (name: string): boolean =>
    extension === ".log" || tables.has(Number.parseInt(name, 10));
  const names = (await readdir(directory)).filter(
    (name) => name.endsWith(extension) && isLive(name),
  );
  const sizes = await Promise.all(
    names.map(async (name) => ({ name, bytes: (await stat(join(directory, name))).size })),
  );
  const [largest] = sizes.sort((a, b) => b.bytes - a.bytes);
  if (largest === undefined || largest.bytes < 64) return null;
  const position = Math.floor(largest.bytes * (0.25 + random() / 2));
  const file = await open(join(directory, largest.name), "r+");
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, position);
    byte[0] = (byte[0] ?? 0) ^ (1 << Math.floor(random() * 8));
    await file.write(byte, 0, 1, position);
  } finally {
    await file.close();
  }
  return `byte ${position} of ${largest.name} (${largest.bytes})`;
}
