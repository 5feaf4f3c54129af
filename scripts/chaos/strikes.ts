import { type Flock, pause } from "./flock.ts";
import type { Nemesis } from "./harm.ts";
import type { Schedule, Turn } from "./schedule.ts";
import type { Score } from "./scoreboard.ts";

export interface StrikesOptions {
  readonly flock: Flock;
  /** What its clients have done so far. */
  readonly load: { readonly counts: { readonly acknowledged: number; readonly unknown: number } };
  readonly random: () => number;
  readonly syncTimeoutMs: number;
  /** Between two turns, so that clients find their way. */
  readonly restMs: number;
}

/** The turns of a run, one after the other. */
export class Strikes {
  readonly scores: Score[] = [];
  readonly #options: StrikesOptions;
  readonly #say: (text: string) => void;

  constructor(options: StrikesOptions, say: (text: string) => void) {
    this.#options = options;
    this.#say = say;
  }

  /**
   * Until the schedule has no more turns, or the flock does not recover. Resolves with what was not as promised; a nemesis that
   * says so does not end the run, since what comes behind it may say more.
   */
  async run(nemeses: readonly Nemesis[], schedule: Schedule): Promise<readonly string[]> {
    const problems: string[] = [];
    for (;;) {
      const turn = schedule.next(performance.now());
      if (turn === null) return problems;
      const nemesis = nemeses.find(({ name }) => name === turn.name) as Nemesis;
      const { what, problem, hasRecovered } = await this.#strike(nemesis, turn);
      if (problem !== null) {
        problems.push(`${turn.name}: ${problem}`);
        this.#say(`PROBLEM ${turn.name}: ${problem}`);
      }
      if (!what.endsWith("not run")) schedule.ran(turn.name);
      if (!hasRecovered) return problems;
      await pause(this.#options.restMs);
    }
  }

  async #strike({ name, run }: Nemesis, { budgetMs }: Turn) {
    const { flock, load, random, syncTimeoutMs } = this.#options;
    const before = load.counts;
    const startMs = performance.now();
    let problem: string | null = null;
    let what = "failed";
    try {
      what = await run({ flock, random, syncTimeoutMs, budgetMs });
    } catch (error) {
      problem = (error as Error).message;
    }
    const harmMs = performance.now() - startMs;
    try {
      if (problem !== null) await flock.repair();
      const { leader, term } = await flock.whenInSync(syncTimeoutMs);
      const syncMs = performance.now() - startMs - harmMs;
      const after = load.counts;
      const acknowledged = after.acknowledged - before.acknowledged;
      const unknown = after.unknown - before.unknown;
      this.scores.push({ name, what, harmMs, syncMs, acknowledged, unknown });
      const times = `${seconds(harmMs)}, in sync ${seconds(syncMs)} later, leader ${leader}, term ${term}`;
      this.#say(`${name}: ${what}; ${times}, +${acknowledged} acknowledged, ${unknown} unknown`);
      return { what, problem, hasRecovered: true };
    } catch (error) {
      const text = (error as Error).message;
      problem = `${problem ?? what}; and afterwards ${text}`;
      return { what, problem, hasRecovered: false };
    }
  }
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
