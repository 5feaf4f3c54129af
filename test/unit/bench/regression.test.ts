import { describe, expect, test } from "vitest";
import { judge } from "../../../scripts/bench/check/regression.ts";

describe("a new build is worse", () => {
  test.each([
    ["when it takes a tenth more in every round", [1.1, 1.11, 1.09, 1.1, 1.12, 1.1, 1.08], true],
    ["not when the rounds spread as much", [1.1, 0.8, 1.3, 1.1, 0.9, 1.4, 0.95], false],
    ["not by less than three hundredths", [1.02, 1.02, 1.02, 1.02, 1.02], false],
    ["not when it is better", [0.7, 0.71, 0.69, 0.7, 0.7], false],
    ["not because of one bad round", [1, 1.01, 0.99, 3, 1], false],
  ])("%s", (_when, ratios, isWorse) => {
    expect(judge(ratios)).toMatchObject({ isWorse });
  });
});
