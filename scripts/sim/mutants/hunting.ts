import type { Mutant } from "../../../test/sim/mutants/mutant.ts";
import type { Run, SourceTree } from "./tree.ts";

/** What a schedule of `hunt.ts` came to. */
export interface HuntLine {
  readonly seed: number;
  readonly simulatedMs: number;
  /** Of the broken promise; null when all were kept. */
  readonly message: string | null;
}

export interface HuntBounds {
  readonly schedules: number;
  /** For a mutant with named tests, which come after them. */
  readonly schedulesBeforeTests: number;
  readonly seconds: number;
  /** More catches than one tell how much luck the first was. */
  readonly catches: number;
  /** For the simulator, per mutant; 0 for no bound. */
  readonly minutes: number;
  /** A seed that caught the mutant of this name before: it is tried first, and proves nothing by itself. */
  readonly hints: Readonly<Record<string, number>>;
}

/** What caught a mutant. */
export type Catch =
  | { readonly by: "tests"; readonly failed: number; readonly tests: readonly string[] }
  | {
      readonly by: "schedules";
      /** Up to and with the first that broke a promise. */
      readonly schedules: number;
      readonly seed: number;
      /** The seed was tried first because it had caught the mutant before. */
      readonly isHinted: boolean;
      readonly message: string;
      /** From one catch to the next, the schedules that found nothing included. */
      readonly medianSimulatedMs: number;
      readonly catches: number;
    };

/** Of tests only the runner is watched, not its workers; a test that hangs fails by itself unless it spins. */
const testsRun: Run = { silenceMaxMs: 180_000, totalMaxMs: 900_000 };
/** A schedule takes a fraction of a second; one that takes this long spins. */
const silenceMaxMs = 60_000;
/** Schedules after the first catch: what was rare once is not searched for again. */
const afterCatch = 40;
const simulator = ["--conditions=flockmq-source", "scripts/sim/mutants/hunt.ts"];
const vitest = ["node_modules/vitest/vitest.mjs", "run"];

/** Hunts mutants, and knows what the tree without any of them does. */
export class Hunting {
  readonly #clean: SourceTree;
  readonly #bounds: HuntBounds;
  /** Whether a seed, or some tests, pass in the clean tree. */
  readonly #passes = new Map<string, Promise<boolean>>();

  constructor(clean: SourceTree, bounds: HuntBounds) {
    this.#clean = clean;
    this.#bounds = bounds;
  }

  /** Null when nothing caught the mutant that stands in `tree`. */
  async hunt(mutant: Mutant, tree: SourceTree): Promise<Catch | null> {
    const { schedules, schedulesBeforeTests } = this.#bounds;
    if (mutant.tests === undefined) return this.#bySchedules(mutant, schedules, tree);
    const caught = await this.#bySchedules(mutant, schedulesBeforeTests, tree);
    return caught ?? this.#byTests(mutant.tests, tree);
  }

  async #byTests(tests: readonly string[], tree: SourceTree): Promise<Catch | null> {
    const { code, output } = await tree.run([...vitest, ...tests], testsRun);
    const failed = Number(/Tests\s+(\d+) failed/.exec(output)?.[1] ?? 0);
    if (code === 0 || failed === 0 || !(await this.#testsPass(tests))) return null;
    return { by: "tests", failed, tests };
  }

  async #bySchedules(mutant: Mutant, schedules: number, tree: SourceTree): Promise<Catch | null> {
    const { seconds, catches, minutes, hints } = this.#bounds;
    const hint = hints[mutant.name];
    if (schedules === 0) return null;
    const bounds = ["--schedules", schedules, "--seconds", seconds, "--catches", catches];
    const rest = ["--after-catch", afterCatch, "--with", (mutant.faults ?? []).join()];
    const first = hint === undefined ? [] : ["--hint", hint];
    const args = [...bounds, ...rest, ...first].map(String);
    const { code, output } = await tree.run([...simulator, ...args], {
      silenceMaxMs,
      totalMaxMs: minutes * 60_000,
    });
    const lines = linesOf(output);
    const isOutOfTime = code === null && minutes > 0;
    if (code !== 0 && !isOutOfTime) {
      const seed = (lines.at(-1)?.seed ?? 0) + 1;
      const message = code === null ? "time does not pass" : `it ended: ${output.slice(-200)}`;
      lines.push({ seed, simulatedMs: 0, message });
    }
    return this.#catchOf(lines, hint);
  }

  /** A seed that fails in the clean tree as well proves nothing about a mutant. */
  async #catchOf(lines: readonly HuntLine[], hint: number | undefined): Promise<Catch | null> {
    let first: { schedules: number; seed: number; message: string } | null = null;
    const spans: number[] = [];
    let spanMs = 0;
    for (const [at, { seed, simulatedMs, message }] of lines.entries()) {
      spanMs += simulatedMs;
      if (message === null || !(await this.#seedPasses(seed))) continue;
      first ??= { schedules: at + 1, seed, message };
      spans.push(spanMs);
      spanMs = 0;
    }
    if (first === null) return null;
    const medianSimulatedMs = medianOf(spans);
    const isHinted = first.seed === hint;
    return { by: "schedules", ...first, isHinted, medianSimulatedMs, catches: spans.length };
  }

  #seedPasses(seed: number): Promise<boolean> {
    return this.#once(`seed ${seed}`, async () => {
      const bounds = ["--first", seed, "--seconds", this.#bounds.seconds].map(String);
      const { output } = await this.#clean.run([...simulator, ...bounds], {
        silenceMaxMs,
        totalMaxMs: 0,
      });
      return linesOf(output)[0]?.message === null;
    });
  }

  #testsPass(tests: readonly string[]): Promise<boolean> {
    return this.#once(tests.join(), async () => {
      const { code } = await this.#clean.run([...vitest, ...tests], testsRun);
      return code === 0;
    });
  }

  #once(key: string, run: () => Promise<boolean>): Promise<boolean> {
    const known = this.#passes.get(key) ?? run();
    this.#passes.set(key, known);
    return known;
  }
}

function linesOf(output: string): HuntLine[] {
  const lines = output.split("\n").filter((line) => line.startsWith("{") && line.endsWith("}"));
  return lines.map((line) => JSON.parse(line) as HuntLine);
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
