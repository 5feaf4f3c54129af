/** What one turn of a nemesis was and what came of it. */
export interface Score {
  readonly name: string;
  /** In the words of the nemesis. */
  readonly what: string;
  readonly harmMs: number;
  /** From the end of the harm until all replicas were equal and the voters complete. */
  readonly syncMs: number;
  /** Of the clients, from the beginning of the harm until then. */
  readonly acknowledged: number;
  readonly unknown: number;
}

/** One line for each nemesis: how often it ran and what was seen; or why it did not. */
export function tableOf(
  names: readonly string[],
  scores: readonly Score[],
  notRun: ReadonlyMap<string, string>,
): readonly string[] {
  const head = ["nemesis", "runs", "harm", "in sync after", "acknowledged", "unknown", "seen last"];
  const rows = names.map((name) => rowOf(name, scores, notRun));
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length)),
  );
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(column === head.length - 1 ? 0 : (widths[column] ?? 0)))
      .join("  "),
  );
}

function rowOf(
  name: string,
  scores: readonly Score[],
  notRun: ReadonlyMap<string, string>,
): readonly string[] {
  const own = scores.filter((score) => score.name === name);
  const newest = own.at(-1);
  if (newest === undefined) {
    const why = notRun.get(name);
    return [name, "0", "", "", "", "", why === undefined ? "no time left" : `not run: ${why}`];
  }
  const sum = (of: (score: Score) => number): string =>
    String(own.reduce((total, score) => total + of(score), 0));
  return [
    name,
    String(own.length),
    range(own.map(({ harmMs }) => harmMs)),
    range(own.map(({ syncMs }) => syncMs)),
    sum(({ acknowledged }) => acknowledged),
    sum(({ unknown }) => unknown),
    newest.what,
  ];
}

function range(times: readonly number[]): string {
  const [least, most] = [Math.min(...times), Math.max(...times)];
  const text = (ms: number): string => (ms / 1000).toFixed(1);
  return least === most ? `${text(least)} s` : `${text(least)}-${text(most)} s`;
}
