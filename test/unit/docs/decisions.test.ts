import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readDocument, rowNames, tableRows } from "../../support/documents.ts";
import { root, type SourceFile, sourceFiles } from "../../tidy/source-tree.ts";

interface Package {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const { dependencies, devDependencies } = JSON.parse(readDocument("package.json")) as Package;
const page = readDocument("docs/decisions/0002-dependencies.md");

test("each dependency has one line of reason", () => {
  const names = [...Object.keys(dependencies), ...Object.keys(devDependencies)];
  expect([...rowNames(page)].sort()).toEqual(names.sort());
  expect(tableRows(page).filter(([, reason = ""]) => reason.length < 10)).toEqual([]);
});

function packagesOf(files: readonly SourceFile[]): readonly string[] {
  const imported = files
    .flatMap(({ imports }) => imports)
    .filter(({ target, specifier }) => target === null && !/^(node:|#)/.test(specifier))
    .map(({ specifier }) => specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1));
  return [...new Set(imported.map((parts) => parts.join("/")))].sort();
}

const isDashboard = ({ path }: SourceFile): boolean => path.startsWith("src/dashboard/");

test("each dependency is imported by the product, and nothing else is", () => {
  const files = sourceFiles("cluster", "src").filter((file) => !isDashboard(file));
  expect(packagesOf(files)).toEqual(Object.keys(dependencies).sort());
});

test("what the dashboard imports is built into it, and not installed with the node", () => {
  const names = packagesOf(sourceFiles("src").filter(isDashboard));
  expect(names).toEqual(["@preact/signals", "preact", "uplot"]);
  expect(names.filter((name) => !(name in devDependencies))).toEqual([]);
});

test("decisions are numbered without gaps, in the file name and in the title", () => {
  const names = readdirSync(join(root, "docs/decisions")).sort();
  for (const [at, name] of names.entries()) {
    expect(name).toMatch(/^\d{4}-[a-z0-9-]+\.md$/);
    expect(Number(name.slice(0, 4))).toBe(at + 1);
    expect(readDocument(`docs/decisions/${name}`)).toMatch(new RegExp(`^# ${at + 1}\\. \\S`));
  }
});
