import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readDocument, tableRows } from "../../support/documents.ts";
import { root } from "../../tidy/source-tree.ts";

const page = readDocument("docs/field-problems.md");
const named = [...page.matchAll(/"([^"\n]+)" in \[[^\]]+\]\(\.\.\/([^)]+)\)/g)];

test("docs/field-problems.md: each test that it names is in the file that it names", () => {
  const missing = named.filter(
    ([, name = "", file = ""]) => !readFileSync(join(root, file), "utf8").includes(name),
  );
  expect(missing.map(([whole]) => whole)).toEqual([]);
  expect(named.length).toBeGreaterThan(25);
});

test("docs/field-problems.md: each command that it names is in package.json", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const commands = [...page.matchAll(/`npm run ([\w:]+)/g)].map(([, name = ""]) => name);
  expect(commands.filter((name) => !(name in scripts))).toEqual([]);
});

test("docs/field-problems.md: each complaint has an answer", () => {
  expect(tableRows(page).filter(([, answer = ""]) => answer.length < 8)).toEqual([]);
});
