import { ClusterError } from "../errors.ts";

/**
 * States what must hold, in production too: a replica that broke a rule of consensus has to stop before it
 * spreads the damage. The driver treats the throw as fatal.
 */
export function invariant(
  condition: boolean,
  claim: string,
  details: Readonly<Record<string, unknown>> = {},
): asserts condition {
  if (!condition) {
    throw new ClusterError("invariant-broken", `raft: ${claim}`, details);
  }
}
