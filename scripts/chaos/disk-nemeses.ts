import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { describeFlip, type FlipKind, flipByte } from "./flip-byte.ts";
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
  {
    name: "a flipped byte in the Raft log",
    obstacle: always,
    run: (harm) => flip(harm, "Raft log"),
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
async function flip(harm: Harm, kind: FlipKind): Promise<string> {
  const { flock } = harm;
  const place = await anyFollower(harm);
  const oldId = place.ready?.nodeId ?? "";
  await flock.kill([place]);
  let flipped = await flipByte(place.dataDir, kind, harm.random);
  if (flipped === null) {
    // The database turns its log into a table when it opens.
    await flock.restart(place);
    await flock.kill([place]);
    flipped = await flipByte(place.dataDir, kind, harm.random);
  }
  if (flipped === null) {
    await flock.restart(place);
    return `${place.name} has no ${kind}: not run`;
  }
  const where = describeFlip(flipped);
  const evidence = join(flock.cwd, `flipped-${place.name}-${oldId.slice(0, 8)}`);
  await cp(place.dataDir, evidence, { recursive: true });
  const outcome = await restartDamaged(harm, place, oldId, where);
  await rm(evidence, { recursive: true });
  return `${place.name}, ${where}: ${outcome}`;
}

async function restartDamaged(
  { flock, syncTimeoutMs }: Harm,
  place: Place,
  oldId: string,
  where: string,
): Promise<string> {
  try {
    await flock.restart(place);
  } catch (error) {
    if (!(error as Error).message.includes("storage-corrupt")) throw error;
    await startEmpty(flock, place, oldId, syncTimeoutMs);
    return "ended with storage-corrupt";
  }
  if (place.ready?.nodeId === oldId) {
    throw new Error(`${place.name} went on under its old id after a flip of ${where}`);
  }
  await flock.remove(oldId, syncTimeoutMs);
  return "came back by itself under a new id";
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
