import { expect, test } from "vitest";
import { SentCopies } from "../../../src/broker/sent-copies.ts";
import { message } from "../../support/replica-model.ts";

const of = (topic: string, version: number) => message(topic, "x", { version });

test("a live message is compared with the copy of its own topic", () => {
  const sent = new SentCopies(10, 100);
  expect(sent.isEmpty).toBe(true);
  sent.add(of("old", 4), false);
  sent.add(of("hot", 90), false);
  expect(sent.isEmpty).toBe(false);
  expect(sent.covers(of("old", 4), 4)).toBe(true);
  expect(sent.covers(of("old", 3), 40)).toBe(true);
  expect(sent.covers(of("old", 11), 40)).toBe(false);
  expect(sent.covers(of("hot", 90), 91)).toBe(true);
  expect(sent.covers(of("hot", 91), 91)).toBe(false);
  expect(sent.covers(of("other", 11), 11)).toBe(false);
  // Nothing is retained there: there was no copy that could have said it.
  expect(sent.covers(of("cleared", 5), 0)).toBe(false);
  expect(sent.covers(of("old", 0), 4)).toBe(false);
});

test("what was committed before the copies began is outdated, whatever its topic; what came later is not", () => {
  const sent = new SentCopies(10, 100);
  expect(sent.outdates(of("a", 4))).toBe(false);
  sent.add(of("hot", 90), false);
  expect(sent.outdates(of("a", 10))).toBe(true);
  expect(sent.outdates(of("a", 11))).toBe(false);
  expect(sent.outdates(of("hot", 90))).toBe(true);
  expect(sent.outdates(of("hot", 91))).toBe(false);
  expect(sent.outdates(of("a", 0))).toBe(false);
});

test("beyond the bound later copies are not remembered: their live messages follow", () => {
  const sent = new SentCopies(10, 1);
  sent.add(of("a", 11), false);
  sent.add(of("b", 12), false);
  expect(sent.covers(of("a", 11), 11)).toBe(true);
  expect(sent.covers(of("b", 12), 12)).toBe(false);
});

test("the copy of a topic that was written meanwhile stands for its own message and no other that came after the copies began", () => {
  const sent = new SentCopies(10, 100);
  sent.add(of("a", 12), true);
  const now = 12;
  expect([10, 11, 12, 13].map((version) => sent.covers(of("a", version), now))).toEqual([
    ...[true, false, true, false],
  ]);
  expect([10, 11, 12, 13].map((version) => sent.outdates(of("a", version)))).toEqual([
    ...[true, false, true, false],
  ]);
});

test("behind an older message the newest is said again, live or as a copy", () => {
  const sent = new SentCopies(10, 100);
  for (const topic of ["live", "copy", "other"]) sent.add(of(topic, 12), true);
  sent.followed(of("live", 11));
  expect(sent.covers(of("live", 12), 12)).toBe(false);
  sent.followed(of("live", 12));
  sent.followed(of("copy", 11));
  sent.followed(of("copy", 0));
  expect(sent.takeBehind()).toEqual(["copy"]);
  expect(sent.takeBehind()).toEqual([]);
});
