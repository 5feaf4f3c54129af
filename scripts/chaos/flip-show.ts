import { access } from "node:fs/promises";
import { join } from "node:path";
import type { StatusAnswer } from "../support/local-cluster.ts";
import { seededRandom } from "../support/random.ts";
import { describeFlip, type FlipKind, type Flipped, flipByte } from "./flip-byte.ts";
import { Flock, type Place, pause } from "./flock.ts";
import { anyFollower } from "./harm.ts";
import { Registers } from "./registers.ts";
import { describeLost, describeVerdicts } from "./verdicts.ts";

const syncTimeoutMs = 90_000;
/** Before each flip so many more writes are acknowledged, so that there is something to damage. */
const writesBefore = 400;
const loadMsMax = 30_000;
const pollMs = 50;
const kinds: readonly FlipKind[] = ["Raft log", ".log", ".ldb"];

/** What was seen of one flip. */
export interface FlipSeen {
  readonly file: string;
  readonly position: number;
  readonly sizeBytes: number;
  /** What the node said when it was started. */
  readonly said: string;
  readonly oldNodeId: string;
  readonly newNodeId: string;
  /** What its cluster said of both ids until all was in sync. */
  readonly roles: readonly string[];
  readonly inSyncAfterMs: number;
}

export interface FlipResult {
  readonly seed: number;
  readonly flips: readonly FlipSeen[];
  readonly acknowledged: number;
  readonly unknown: number;
  readonly reads: number;
  readonly lostWrites: number;
  readonly violations: readonly string[];
  readonly sameDigestEverywhere: boolean;
}

/** Three nodes under load; a follower is stopped, a byte in the middle of its log flipped, and started; then the same with LevelDB's log and with a table. */
export async function runFlip(seed: number, say: (text: string) => void): Promise<FlipResult> {
  const random = seededRandom(seed);
  const flock = await Flock.start({ nodes: 3, network: null, recorder: null, hasSmallDisk: false });
  let isWell = false;
  try {
    await flock.whenInSync(syncTimeoutMs);
    const registers = new Registers({ workers: 8, pauseMs: 10 }, () => flock.endpoints(), random);
    registers.start();
    const flips: FlipSeen[] = [];
    const problems: string[] = [];
    for (const kind of kinds) {
      try {
        await whenWritten(registers);
        flips.push(await flipOnce(flock, kind, random, say));
      } catch (error) {
        problems.push(`${kind}: ${(error as Error).message}`);
        break;
      }
    }
    await registers.stop();
    const status = problems.length === 0 ? await flock.whenInSync(syncTimeoutMs) : null;
    if (status !== null) await registers.readBack();
    const lost = registers.lostWrites();
    const verdicts = describeVerdicts(registers.verdicts());
    const violations = [...problems, ...describeLost(lost), ...verdicts];
    const sameDigestEverywhere = new Set(status?.nodes.map(({ digest }) => digest)).size === 1;
    isWell = violations.length === 0 && sameDigestEverywhere;
    const counts = { ...registers.counts, lostWrites: lost.length };
    const { acknowledged, unknown, reads, lostWrites } = counts;
    const clients = { acknowledged, unknown, reads, lostWrites };
    return { seed, flips, ...clients, violations, sameDigestEverywhere };
  } finally {
    await flock.stop(!isWell);
  }
}

async function whenWritten(registers: Registers): Promise<void> {
  const enough = registers.counts.acknowledged + writesBefore;
  const deadlineMs = performance.now() + loadMsMax;
  while (registers.counts.acknowledged < enough) {
    if (performance.now() > deadlineMs) throw new Error(`fewer than ${writesBefore} writes`);
    await pause(50);
  }
}

/** Throws when the node did not do what it must. */
async function flipOnce(
  flock: Flock,
  kind: FlipKind,
  random: () => number,
  say: (text: string) => void,
): Promise<FlipSeen> {
  const place = await anyFollower({ flock, random });
  const oldNodeId = place.ready?.nodeId ?? "";
  const flipped = await flipStopped(flock, place, kind, random);
  say(`${place.name} (${oldNodeId}) was stopped; flipped: ${describeFlip(flipped)}`);
  const startMs = performance.now();
  const watch = new MemberWatch(flock);
  await flock.restart(place);
  const newNodeId = place.ready?.nodeId ?? "";
  const said = await damageSaid(place, flipped.file);
  say(`${place.name} says: ${said}`);
  if (newNodeId === oldNodeId) throw new Error(`${place.name} went on under its old id`);
  await flock.remove(oldNodeId, syncTimeoutMs);
  const { term } = await flock.whenInSync(syncTimeoutMs);
  const inSyncAfterMs = Math.round(performance.now() - startMs);
  const roles = rolesIn(await watch.stop(), oldNodeId, newNodeId);
  say(`${place.name} is ${newNodeId} now; its cluster said: ${roles.join("; ")}`);
  say(`all in sync ${inSyncAfterMs} ms after the start, term ${term}`);
  const { file, position, sizeBytes } = flipped;
  return { file, position, sizeBytes, said, oldNodeId, newNodeId, roles, inSyncAfterMs };
}

async function flipStopped(
  flock: Flock,
  place: Place,
  kind: FlipKind,
  random: () => number,
): Promise<Flipped> {
  const { dataDir } = place;
  await place.process.stop();
  const flipped = await flipByte(dataDir, kind, random, true);
  if (flipped !== null) return flipped;
  // The database turns its log into a table when it opens.
  await flock.restart(place);
  await place.process.stop();
  const second = await flipByte(dataDir, kind, random, true);
  if (second === null) throw new Error(`${place.name} has no ${kind}`);
  return second;
}

/** The reason in the line that the node logs, which must name the file; and the evidence must be where the line says. */
async function damageSaid(place: Place, file: string): Promise<string> {
  const line = place.process.log.find((one) => one.includes("is damaged and was set aside"));
  if (line === undefined) throw new Error(`${place.name} said nothing of a damage`);
  const { reason, evidence } = JSON.parse(line) as { reason: string; evidence: string };
  if (!reason.includes(file)) throw new Error(`${place.name} does not name ${file}: ${reason}`);
  await access(join(evidence, "reason.txt"));
  return reason;
}

type Members = StatusAnswer["nodes"];

/** Asks who the members are until it is stopped. */
class MemberWatch {
  readonly #flock: Flock;
  readonly #seen: Members[] = [];
  readonly #watching: Promise<void>;
  #isStopping = false;

  constructor(flock: Flock) {
    this.#flock = flock;
    this.#watching = this.#watch();
  }

  async stop(): Promise<readonly Members[]> {
    this.#isStopping = true;
    await this.#watching;
    return this.#seen;
  }

  async #watch(): Promise<void> {
    while (!this.#isStopping) {
      const status = await this.#flock.status();
      if (status !== null) this.#seen.push(status.nodes);
      await pause(pollMs);
    }
  }
}

/**
 * What the two ids were, one after the other. Throws when the old one was seen at work, or the new one had a vote beside it:
 * then one disk would have voted twice.
 */
function rolesIn(
  seen: readonly Members[],
  oldNodeId: string,
  newNodeId: string,
): readonly string[] {
  const roles: string[] = [];
  for (const members of seen) {
    const before = members.find(({ nodeId }) => nodeId === oldNodeId);
    const now = members.find(({ nodeId }) => nodeId === newNodeId);
    if (now !== undefined && before?.state === "up") throw new Error("the old id is at work");
    if (now?.voter === true && before !== undefined) throw new Error("both ids are members");
    const old = before === undefined ? "no member" : `a member, ${before.state}`;
    const vote = now?.voter === true ? "with a vote" : "without a vote";
    const fresh = now === undefined ? "no member" : `${now.role} ${vote}`;
    const role = `old id ${old}, new id ${fresh}`;
    if (role !== roles.at(-1)) roles.push(role);
  }
  return roles;
}
