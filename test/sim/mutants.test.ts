import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mutants, mutate } from "./mutants/mutants.ts";

const root = join(import.meta.dirname, "../..");

test.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
  "the mutant fits the source: %s",
  (_name, mutant) => {
    const source = readFileSync(join(root, mutant.file), "utf8");
    expect(mutate(source, mutant)).not.toBe(source);
    for (const path of mutant.tests ?? []) expect(existsSync(join(root, path)), path).toBe(true);
  },
);

test("there are at least a hundred mutants, each with a name of its own", () => {
  expect(mutants.length).toBeGreaterThanOrEqual(100);
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});

test("each hint is a seed for a mutant of the table", () => {
  const hints = JSON.parse(readFileSync(join(import.meta.dirname, "mutants/hints.json"), "utf8"));
  const names = mutants.map(({ name }) => name);
  for (const [name, seed] of Object.entries(hints)) {
    expect(names).toContain(name);
    expect(seed, name).toSatisfy(Number.isSafeInteger);
  }
});
