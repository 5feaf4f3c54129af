import type { Chapter } from "../../test/conformance/case.ts";
import { countsOf } from "../../test/conformance/page.ts";
import type { CaseResult } from "../../test/conformance/run.ts";
import { proofsOf, readStatements, standards } from "../../test/conformance/statements.ts";

/** What a run on one configuration showed, in words. */
export function describeResults(
  title: string,
  results: readonly CaseResult[],
  chapters: readonly Chapter[],
): string {
  const lines = [title];
  for (const { case: each, version, failure } of results) {
    if (failure === null) continue;
    const [what = "", ...stack] = (failure.stack ?? failure.message).split("\n");
    const where = stack.find((line) => line.includes("/cases/")) ?? "";
    lines.push(`  FAILED, MQTT ${version === 5 ? "5.0" : "3.1.1"}: ${each.name}`);
    lines.push(`    ${what}\n  ${where}`);
  }
  for (const standard of standards) lines.push(`  ${proved(standard, results, chapters)}`);
  return lines.join("\n");
}

function proved(
  standard: (typeof standards)[number],
  results: readonly CaseResult[],
  chapters: readonly Chapter[],
): string {
  const version = standard === "5.0" ? 5 : 4;
  const own = results.filter((result) => result.version === version);
  const passed = new Set(own.filter(({ failure }) => failure === null).map((r) => r.case));
  const statements = readStatements().filter((statement) => statement.standard === standard);
  const testable = statements.filter(({ exemption }) => exemption === null);
  const count = testable.filter((statement) =>
    proofsOf(statement, chapters).every((proof) => passed.has(proof)),
  ).length;
  return (
    `MQTT ${standard}: ${count} of ${testable.length} testable statements proved ` +
    `(of ${statements.length} in all), ${passed.size} of ${own.length} tests passed`
  );
}

/** The statements that no test proves, with the reason. */
export function describeExempt(): string {
  const statements = readStatements();
  const lines = standards.flatMap((standard) => {
    const own = statements.filter((statement) => statement.standard === standard);
    const { client, other } = countsOf(own);
    return [
      `MQTT ${standard}: ${client} statements bind clients only, ${other} others have no test`,
      ...own
        .filter(({ exemption }) => exemption !== null)
        .map(({ number, summary, exemption }) => `  MQTT-${number}: ${summary} | ${exemption}`),
    ];
  });
  return lines.join("\n");
}
