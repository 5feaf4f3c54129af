import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mutants } from "../../sim/mutants/mutants.ts";
import { readDocument } from "../../support/documents.ts";

/** The checklist names what shows each claim: scripts, tests, mutants and the simulator's promises that exist. */
const root = join(import.meta.dirname, "../../..");
const text = readDocument("docs/consensus-checklist.md");
const rows = text
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .filter(([, first]) => !["rule", "bug", "promise"].includes(first ?? ""));

function inBackticks(pattern: RegExp): string[] {
  return [...text.matchAll(/`([^`]+)`/g)]
    .map((match) => match[1]!)
    .filter((at) => pattern.test(at));
}

/** The names in quotation marks that follow `word`, up to the next semicolon or cell. */
function named(word: string): string[] {
  return [...text.matchAll(new RegExp(`${word}s? ("[^|;]+)`, "g"))].flatMap((match) =>
    [...match[1]!.matchAll(/"([^"]+)"/g)].map((name) => name[1]!),
  );
}

describe("docs/consensus-checklist.md", () => {
  test("names files that exist", () => {
    const paths = inBackticks(/^(cluster|src|test|scripts|docs)\/[^ ]+$/);
    expect(paths.length).toBeGreaterThan(80);
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test("names golden scripts that exist, and most of those there are", () => {
    const scripts = readdirSync(join(root, "test/golden/raft")).map((file) => file.slice(0, -4));
    const cited = new Set(inBackticks(/^[a-z0-9]+(_[a-z0-9]+){2,}$/));
    expect([...cited].filter((name) => !scripts.includes(name))).toEqual([]);
    expect(cited.size).toBeGreaterThan(60);
  });

  test("names mutants of the table", () => {
    const known = mutants.map(({ name }) => name);
    expect(named("mutant").length).toBeGreaterThan(30);
    expect(named("mutant").filter((name) => !known.includes(name))).toEqual([]);
  });

  test("names promises that the simulator checks", () => {
    const folder = join(root, "test/sim");
    const source = readdirSync(folder)
      .filter((file) => file.endsWith(".ts"))
      .map((file) => readFileSync(join(folder, file), "utf8"))
      .join("\n");
    expect(named("sim").length).toBeGreaterThan(8);
    expect(named("sim").filter((name) => !source.includes(`"${name}"`))).toEqual([]);
  });

  test("says for each row what shows it", () => {
    expect(rows.length).toBeGreaterThan(80);
    const silent = rows.filter(([, , , shown]) => !/`|mutant/.test(shown ?? ""));
    expect(silent.map(([, claim]) => claim)).toEqual([]);
  });
});
