import { expect, test } from "vitest";
import { RetainedTurns } from "../../../src/broker/retained-turns.ts";
import { FakeClock } from "../../support/fake-clock.ts";

/** Each slice takes 2 ms of a turn that has 5. */
class SlowClock extends FakeClock {
  spentMs = 0;

  override monotonicMs(): number {
    return this.spentMs;
  }
}

test("slices that a turn has no time for run in later turns, in the order in which they came", () => {
  const clock = new SlowClock();
  const turns = new RetainedTurns(clock, 5);
  const log: string[] = [];
  const slice = (name: string) => () => {
    clock.spentMs += 2;
    log.push(name);
  };
  const endOfTurn = (): void => {
    clock.endOfTurn(() => log.push("|"));
  };
  for (const name of ["a", "b", "c", "d"]) turns.now(slice(name));
  expect(log).toEqual(["a", "b", "c"]);
  turns.later(slice("e"));
  turns.now(slice("f"));
  turns.now(slice("g"));
  endOfTurn();
  clock.endTurns();
  expect(log).toEqual(["a", "b", "c", "d", "e", "f", "|", "g"]);
  turns.now(slice("h"));
  expect(log.at(-1)).toBe("h");
});
