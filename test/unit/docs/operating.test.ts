import { expect, test } from "vitest";
import { defaultTimings } from "../../../cluster/options.ts";
import { readDocument, sectionOf, tableRows } from "../../support/documents.ts";
import { sourceFiles } from "../../tidy/source-tree.ts";

const page = readDocument("docs/operating.md");
const source = sourceFiles("cluster", "src")
  .map(({ text }) => text)
  .join("\n");

test("the timings are the defaults of the source", () => {
  const rows = tableRows(sectionOf(page, "Timings")).map(([name, value]) => [name, value]);
  const expected = Object.entries(defaultTimings).map(([name, value]) => [
    `\`${name}\``,
    name.endsWith("Ms") ? `${value} ms` : `${value}`,
  ]);
  expect(rows).toEqual(expected);
});

test("each log line stands in the source", () => {
  const lines = tableRows(sectionOf(page, "Log lines")).map(([, text = ""]) =>
    text.replaceAll("`", ""),
  );
  expect(lines.length).toBeGreaterThan(25);
  expect(lines.filter((line) => !source.includes(`"${line}"`))).toEqual([]);
});

test("every log line that an operator sees is explained", () => {
  const calls = source.matchAll(/log\.(info|warn)\(\s*(?:\{[^}]*\}|\w+),\s*"([^"]+)"/g);
  const logged = [...calls].map((match) => match[2] ?? "");
  const perRequest = ["member removed on request", "nothing to reload", "interest refused"];
  const unexplained = logged.filter(
    (line) => !perRequest.includes(line) && !page.includes(`\`${line}\``),
  );
  expect(unexplained).toEqual([]);
});

test("the ports of the page are the defaults", () => {
  const options = readDocument("docs/options.md");
  for (const [flag = "", address = ""] of tableRows(sectionOf(page, "Starting"))) {
    expect(options).toContain(`${flag.slice(0, -1)} [HOST:]PORT\``);
    expect(options).toContain(`| ${address} |`);
  }
});
