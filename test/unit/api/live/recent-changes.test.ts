import fc from "fast-check";
import { expect, test } from "vitest";
import { RecentChanges } from "../../../../src/api/live/recent-changes.ts";

test("whoever goes on page by page hears of every device that changed, each once, at any bound", () => {
  const change = fc.record({
    id: fc.integer({ min: 0, max: 20 }),
    step: fc.integer({ min: 0, max: 2 }),
  });
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 60 }),
      fc.nat(80),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 30 }),
      (changes, from, pageSize, keptMax) => {
        const recent = new RecentChanges(keptMax);
        const last = new Map<string, number>();
        let index = 1;
        for (const { id, step } of changes) {
          index += step;
          recent.record(`${id}`, index);
          last.set(`${id}`, index);
        }
        const since = Math.max(from, recent.floor === Number.POSITIVE_INFINITY ? 0 : recent.floor);
        const heard: string[] = [];
        for (let at = since; ; ) {
          const page = recent.since(at, pageSize);
          if (page.last === at) break;
          heard.push(...page.ids);
          at = page.last;
        }
        const expected = [...last].filter(([, changed]) => changed > since).map(([id]) => id);
        expect(heard.toSorted()).toEqual(expected.toSorted());
        expect(recent.size).toBeLessThanOrEqual(keptMax);
      },
    ),
  );
});
