import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "../../support/random.ts";
import { Flock, pause } from "../flock.ts";
import { Registers } from "../registers.ts";
import { describeVerdicts } from "../verdicts.ts";
import { buildRecorder, losePower, startLying } from "./power-loss.ts";

const syncTimeoutMs = 60_000;
/** Power goes after so many more acknowledged writes, or after so long. */
const writesPerRound = 200;
const loadMsMax = 10_000;

export interface PowerLossOptions {
  readonly rounds: number;
  readonly nodes: number;
  readonly seed: number;
  /** Before the last load the disks begin to lie; then acknowledged writes must be found lost, or the recorder is none. */
  readonly isLying: boolean;
}

export interface PowerLossResult {
  readonly rounds: number;
  readonly lostUnsyncedBytes: number;
  readonly acknowledged: number;
  readonly reads: number;
  readonly violations: readonly string[];
  readonly sameDigestEverywhere: boolean;
}

/** Under load, all nodes are killed at once and keep only what they synced; in odd rounds random parts of the rest too. */
export async function runPowerLoss(
  options: PowerLossOptions,
  say: (text: string) => void,
): Promise<PowerLossResult> {
  const random = seededRandom(options.seed);
  const directory = await mkdtemp(join(tmpdir(), "flockmq-recorder-"));
  const recorder = await buildRecorder(directory);
  const flock = await Flock.start({
    nodes: options.nodes,
    network: null,
    recorder,
    hasSmallDisk: false,
  });
  let lostUnsyncedBytes = 0;
  try {
    await flock.whenInSync(syncTimeoutMs);
    const registers = new Registers({ workers: 8, pauseMs: 10 }, () => flock.endpoints(), random);
    for (let round = 0; round < options.rounds; round++) {
      if (options.isLying && round === options.rounds - 1) {
        for (const place of flock.places) await startLying(place);
      }
      registers.start();
      const enough = registers.counts.acknowledged + writesPerRound;
      const deadlineMs = performance.now() + loadMsMax;
      while (registers.counts.acknowledged < enough && performance.now() < deadlineMs) {
        await pause(50);
      }
      await flock.kill(flock.places);
      await registers.stop();
      let lostBytes = 0;
      for (const place of flock.places) {
        lostBytes += await losePower(place, round % 2 === 0 ? null : random);
      }
      lostUnsyncedBytes += lostBytes;
      await Promise.all(flock.places.map((place) => flock.restart(place)));
      await flock.whenInSync(syncTimeoutMs);
      await registers.readBack();
      const { acknowledged } = registers.counts;
      say(
        `round ${round + 1}  power lost on all nodes, ${lostBytes} unsynced bytes gone; ${acknowledged} writes acknowledged so far`,
      );
    }
    const status = await flock.whenInSync(syncTimeoutMs);
    return {
      rounds: options.rounds,
      lostUnsyncedBytes,
      acknowledged: registers.counts.acknowledged,
      reads: registers.counts.reads,
      violations: describeVerdicts(registers.verdicts()),
      sameDigestEverywhere: new Set(status.nodes.map(({ digest }) => digest)).size === 1,
    };
  } finally {
    await flock.stop();
    await rm(directory, { recursive: true, force: true });
  }
}
