import type { GroupId } from "../raft/types.ts";
import { type KeyRange, prefix, stateRange, under } from "./keys.ts";
import type { Database } from "./level-open.ts";

/** The generations of state that hold at least one record: one seek for each. */
export async function generationsOf(database: Database, group: GroupId): Promise<number[]> {
  const generations: number[] = [];
  const { gte, lt } = under(`${prefix.state}/${group}/`);
  let from = gte;
  for (;;) {
    const [key] = await database.keys({ gte: from, lt, limit: 1 }).all();
    if (key === undefined) return generations;
    const generation = Number(key.slice(gte.length, key.indexOf("/", gte.length)));
    generations.push(generation);
    from = stateRange(group, generation).lt;
  }
}

/** Keys of a range in pieces, for deleting them without reading the values or holding them all. */
export async function* keysInPieces(database: Database, range: KeyRange, piece: number) {
  const iterator = database.keys(range);
  try {
    for (;;) {
      const keys = await iterator.nextv(piece);
      if (keys.length === 0) return;
      yield keys;
    }
  } finally {
    await iterator.close();
  }
}
