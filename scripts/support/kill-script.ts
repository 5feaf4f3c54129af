/** When the demo kills a node and when it brings it back, for a viewer who has just opened the page. */
export interface KillStep {
  readonly atSeconds: number;
  readonly action: "kill" | "restart";
  /** Index of the node; never the first, which the printed URL leads to. */
  readonly node: number;
}

const firstKillSeconds = 25;
const awaySeconds = 20;
const repeatSeconds = 75;
/** Left for coming back in sync before the end. */
const settleSeconds = 15;
/** In less there is nothing to see. */
const shortestRunSeconds = 12;

/**
 * The steps of a run of `seconds` (0 = endless, of which the first hour is planned) with `nodes` nodes. A cluster of fewer than three
 * keeps its nodes: it would lose its quorum.
 */
export function killScript(seconds: number, nodes: number): readonly KillStep[] {
  if (nodes < 3 || (seconds > 0 && seconds < shortestRunSeconds)) return [];
  const endSeconds = seconds === 0 ? 3600 : seconds;
  const isShort = endSeconds < firstKillSeconds + awaySeconds + settleSeconds;
  const first = isShort ? endSeconds / 4 : firstKillSeconds;
  const away = isShort ? endSeconds / 4 : awaySeconds;
  const settle = isShort ? endSeconds / 4 : settleSeconds;
  const steps: KillStep[] = [];
  for (let round = 0; ; round++) {
    const atSeconds = first + round * repeatSeconds;
    if (atSeconds + away + settle > endSeconds) return steps;
    const node = nodes - 1 - (round % (nodes - 1));
    steps.push({ atSeconds, action: "kill", node });
    steps.push({ atSeconds: atSeconds + away, action: "restart", node });
  }
}
