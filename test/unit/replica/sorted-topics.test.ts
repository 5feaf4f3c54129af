import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matches } from "../../../src/mqtt/topic.ts";
import { FilterSteps } from "../../../src/replica/filter-steps.ts";
import { SortedTopics } from "../../../src/replica/sorted-topics.ts";

/** Characters before and behind "/" in the order of units, so that levels and their longer namesakes stand among each other. */
const level = fc.constantFrom("a", "b", "", "$x", "a-", "a0", "ab", "é");

const topic = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join("/"))
  .filter((text) => text !== "");

const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 4 }), fc.boolean())
  .map(([levels, isOpen]) => (isOpen ? [...levels, "#"] : levels).join("/"))
  .filter((text) => text !== "");

function filled(topics: Iterable<string>): SortedTopics {
  const sorted = new SortedTopics();
  for (const each of topics) sorted.add(each);
  return sorted;
}

function found(sorted: SortedTopics, wanted: string): { topics: string[]; steps: number } {
  const topics: string[] = [];
  const steps = new FilterSteps(wanted);
  const result = sorted.walk(steps, steps.first, Number.POSITIVE_INFINITY, (each) =>
    topics.push(each),
  );
  expect(result.next).toBeNull();
  return { topics, steps: result.steps };
}

describe("SortedTopics", () => {
  it("finds what the definition of matching finds, in order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(topic), filter, (topics, wanted) => {
        const expected = topics.filter((each) => matches(wanted, each)).sort();
        expect(found(filled(topics), wanted).topics).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  it("walked in pieces while it changes, misses nothing that was there all the time and shows nothing twice", () => {
    const change = fc.record({ topic, isStep: fc.boolean() });
    fc.assert(
      fc.property(
        fc.uniqueArray(topic),
        filter,
        fc.array(change),
        fc.integer({ min: 1, max: 3 }),
        (topics, wanted, changes, stepsMax) => {
          const model = new Set(topics);
          const always = new Set(topics);
          const ever = new Set(topics);
          const sorted = filled(topics);
          const steps = new FilterSteps(wanted);
          const shown: string[] = [];
          let from: string | null = steps.first;
          const walk = (): void => {
            if (from === null) return;
            const result = sorted.walk(steps, from, stepsMax, (each) => {
              expect(model.has(each)).toBe(true);
              shown.push(each);
            });
            expect(result.steps).toBeLessThanOrEqual(stepsMax);
            from = result.next;
          };
          for (const { topic: changed, isStep } of changes) {
            if (isStep) {
              walk();
            } else if (model.delete(changed)) {
              sorted.delete(changed);
              always.delete(changed);
            } else {
              model.add(changed);
              sorted.add(changed);
              ever.add(changed);
              // What comes in front of the place where it stands is not met any more.
              always.delete(changed);
            }
          }
          while (from !== null) walk();
          expect(shown).toEqual([...new Set(shown)].sort());
          const wrong = shown.filter((each) => !matches(wanted, each) || !ever.has(each));
          expect(wrong).toEqual([]);
          const missed = [...always].filter((each) => matches(wanted, each));
          expect(shown).toEqual(expect.arrayContaining(missed));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("keeps the order over many blocks, and no block of topics that are gone", () => {
    const sorted = new SortedTopics();
    const names = Array.from({ length: 5_000 }, (_, at) => `t/${(at * 7919) % 5_000}`);
    for (const name of names) sorted.add(name);
    expect(sorted.blockCount).toBeGreaterThan(20);
    expect(found(sorted, "t/+").topics).toEqual(names.toSorted());
    for (const name of names.slice(10)) sorted.delete(name);
    expect(found(sorted, "#").topics).toEqual(names.slice(0, 10).sort());
    expect(sorted.blockCount).toBe(1);
    for (const name of names.slice(0, 10)) sorted.delete(name);
    expect(sorted.blockCount).toBe(0);
    expect(found(sorted, "#")).toEqual({ topics: [], steps: 0 });
  });

  it("steps over branches that cannot match", () => {
    const topics: string[] = [];
    for (let machine = 0; machine < 100; machine++) {
      for (let part = 0; part < 100; part++) topics.push(`site/${machine}/${part}/state`);
    }
    const sorted = filled([...topics, "siteless", "a", "$SYS/x"]);
    expect(found(sorted, "site/+/7/#").topics).toHaveLength(100);
    expect(found(sorted, "site/+/7/#").steps).toBeLessThan(400);
    expect(found(sorted, "site/7/#").steps).toBeLessThan(104);
    expect(found(sorted, "+/+/+/none").steps).toBeLessThan(30_010);
    expect(found(sorted, "site").steps).toBeLessThan(3);
  });

  it("walks very deep topics", () => {
    const deep = `${"a/".repeat(30_000)}a`;
    expect(found(filled([deep]), "a/#").topics).toEqual([deep]);
    expect(found(filled([deep]), "a/+")).toEqual({ topics: [], steps: 1 });
  });
});
