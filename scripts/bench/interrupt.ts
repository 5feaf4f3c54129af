const cleanings = new Set<() => unknown>();
let isWatching = false;

/**
 * Has `clean` run when somebody interrupts the program, before it ends with 130, so that no broker and no file of a measurement stays
 * behind. Answers how to take that back.
 */
export function onInterrupt(clean: () => unknown): () => void {
  cleanings.add(clean);
  if (!isWatching) {
    process.once("SIGINT", end).once("SIGTERM", end);
    isWatching = true;
  }
  return () => cleanings.delete(clean);
}

async function end(): Promise<void> {
  await Promise.allSettled([...cleanings].map(async (clean) => clean()));
  process.exit(130);
}
