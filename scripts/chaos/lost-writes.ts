import type { Operation } from "./linearizability.ts";

/**
 * Of one register, what the last reads say was lost: an acknowledged write that began after the write of the value they found had
 * been acknowledged. Linearizability says as much and more; this says it in a way that needs no search. `finals`: what was read
 * when nobody wrote any more.
 */
export function lostWrites(
  history: readonly Operation[],
  finals: readonly Operation[],
): readonly Operation[] {
  const writes = history.filter(({ kind }) => kind === "write");
  const acknowledged = writes.filter(({ endMs }) => endMs !== Number.POSITIVE_INFINITY);
  const lost = new Set<Operation>();
  for (const { value } of finals) {
    const found = writes.find((write) => write.value === value);
    const foundEndMs = value === null ? Number.NEGATIVE_INFINITY : (found?.endMs ?? Number.NaN);
    for (const write of acknowledged) if (write.startMs > foundEndMs) lost.add(write);
  }
  return [...lost];
}
