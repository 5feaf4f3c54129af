import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { defaultGroup, type GroupId, type LogIndex } from "../raft/types.ts";
import { corrupt } from "./corrupt.ts";
import { chainStart } from "./log/record.ts";
import { seal, unsealJson } from "./sealed.ts";

/** What was durable at some moment. */
export interface DurablePoint {
  /** Number of a batch of the log. */
  readonly sequence: number;
  readonly lastIndex: LogIndex;
  /** Chain at lastIndex, hex. */
  readonly chain: string;
  /** Number of a batch of the database. */
  readonly stateSequence: number;
}

/**
 * Kept apart from log and database: at the next open they must hold at least this. Without it, one that silently lost its newest
 * records looks like one that never had them.
 */
export interface Floor extends DurablePoint {
  readonly group: GroupId;
}

/** What `establishFloor` needs of a disk. */
export interface FloorPlace {
  readFloor(): Promise<Floor | null>;
  writeFloor(floor: Floor): Promise<void>;
}

export const floorName = "floor";

/** `null` when there is none. Throws ClusterError `storage-corrupt` when it is damaged. */
export async function readFloor(directory: string): Promise<Floor | null> {
  let stored: Buffer;
  try {
    stored = await readFile(join(directory, floorName));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    return decodeFloor(stored);
  } catch (error) {
    throw corrupt(floorName, null, "the floor file is damaged", error);
  }
}

/** In format 1 the database held the log, and both had one number. Throws ClusterError `storage-corrupt`. */
export function decodeFloor(stored: Buffer): Floor {
  const floor = unsealJson<Omit<Floor, "stateSequence"> & Partial<Floor>>(floorName, stored);
  return { stateSequence: floor.sequence, ...floor };
}

/** Replaces the floor so that after a power cut either the old or the new one is there, never half of one. */
export async function writeFloor(directory: string, floor: Floor): Promise<void> {
  const path = join(directory, floorName);
  const temporary = `${path}.new`;
  const file = await open(temporary, "w");
  try {
    await file.writeFile(seal(floorName, Buffer.from(JSON.stringify(floor))));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(directory);
}

/**
 * The floor that the database must meet. A new directory gets one before its database, so that from then on each
 * proves that the other was lost. Throws ClusterError `storage-corrupt`.
 */
export async function establishFloor(place: FloorPlace, hasDatabase: boolean): Promise<Floor> {
  const floor = await place.readFloor();
  if (floor === null) {
    if (hasDatabase) throw corrupt(floorName, null, "the floor file is missing");
    const chain = Buffer.from(chainStart).toString("hex");
    const start = { sequence: 0, group: defaultGroup, lastIndex: 0, chain, stateSequence: 0 };
    await place.writeFloor(start);
    return start;
  }
  if (!hasDatabase && floor.stateSequence > 0) {
    throw corrupt("database", floor.lastIndex, "the database is missing");
  }
  return floor;
}

/** A rename is durable only once the directory is. Windows cannot open one; its renames need no help. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
