import { Bench, type Node } from "./bench.ts";
import type { ConformanceCase } from "./case.ts";
import type { Version } from "./wire/server-packets.ts";

export interface CaseRun {
  readonly version: Version;
  readonly case: ConformanceCase;
}

export interface CaseResult extends CaseRun {
  /** Null when it passed. */
  readonly failure: Error | null;
  readonly tookMs: number;
}

/** Every case once for each version of which it names a statement. */
export function runsOf(cases: readonly ConformanceCase[]): CaseRun[] {
  return cases.flatMap((each) => [
    ...(each.v3 === undefined ? [] : [{ version: 4 as const, case: each }]),
    ...(each.v5 === undefined ? [] : [{ version: 5 as const, case: each }]),
  ]);
}

/** Runs one case with names that no other uses. */
export async function runCase(
  { version, case: each }: CaseRun,
  nodes: readonly Node[],
  tag: string,
): Promise<CaseResult> {
  const bench = new Bench(version, nodes, tag);
  const startedAtMs = performance.now();
  let failure: Error | null = null;
  try {
    await each.run(bench);
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  } finally {
    bench.close();
  }
  return { version, case: each, failure, tookMs: performance.now() - startedAtMs };
}

/** Runs them all, so many at a time: most of their time is waiting. */
export async function runCases(
  runs: readonly CaseRun[],
  nodes: readonly Node[],
  atOnce: number,
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  const waiting = runs.map((run, at) => ({ run, at }));
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      results[next.at] = await runCase(next.run, nodes, `c${next.at}v${next.run.version}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
