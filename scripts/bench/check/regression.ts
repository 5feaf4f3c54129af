import { median } from "../statistics.ts";

/** What is not looked at even when it were certain. */
const toleratedShare = 0.03;
/** Standard errors of a median beyond which a difference is not chance: one in some hundred runs of an unchanged build. */
const standardErrors = 3;
/** From the median of absolute deviations to a standard deviation, for a normal distribution. */
const deviationScale = 1.4826;
/** A median is less certain than a mean by so much. */
const medianScale = 1.2533;

export interface Verdict {
  /** Of the new build against the old one, the median of the rounds. */
  readonly ratio: number;
  /** Above it the new build is worse, and not by chance. */
  readonly bound: number;
  readonly isWorse: boolean;
}

/**
 * Judges the CPU time of a new build by its ratios to that of the old one in alternating rounds. How much they spread decides how
 * large a difference has to be.
 */
export function judge(ratios: readonly number[]): Verdict {
  const ratio = median(ratios);
  const deviation = median(ratios.map((one) => Math.abs(one - ratio))) * deviationScale;
  const error = (deviation * medianScale) / Math.sqrt(ratios.length);
  const bound = 1 + Math.max(toleratedShare, standardErrors * error);
  return { ratio, bound, isWorse: ratio > bound };
}
