import fc from "fast-check";
import { expect, test } from "vitest";
import { PlaceQueue } from "../../../src/replica/sessions/place-queue.ts";

/** Steps on sequence numbers: mostly new ones at the end and old ones from the front, as queues have them. */
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant({ kind: "append" } as const) },
    { weight: 3, arbitrary: fc.constant({ kind: "shift" } as const) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete" as const), seq: fc.nat(80) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("put" as const), seq: fc.nat(120) }) },
  ),
  { maxLength: 400 },
);

test("holds what a map sorted by sequence number holds", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const queue = new PlaceQueue<{ readonly seq: number; readonly step: number }>();
      const model = new Map<number, { readonly seq: number; readonly step: number }>();
      let next = 1;
      for (const [step, { kind, ...rest }] of all.entries()) {
        const first = Math.min(...model.keys());
        if (kind === "append" || kind === "put") {
          const seq = "seq" in rest ? rest.seq : next;
          next = Math.max(next, seq + 1);
          queue.add({ seq, step });
          model.set(seq, { seq, step });
        } else {
          const seq = "seq" in rest ? rest.seq : first;
          expect(queue.delete(seq)).toBe(model.delete(seq));
        }
        expect(queue.size).toBe(model.size);
      }
      const sorted = [...model.values()].sort((one, other) => one.seq - other.seq);
      expect(queue.values()).toEqual(sorted);
      expect([...queue.seqs()]).toEqual(sorted.map(({ seq }) => seq));
      for (let seq = 0; seq <= next; seq++) {
        expect(queue.get(seq)).toEqual(model.get(seq));
        expect(queue.has(seq)).toBe(model.has(seq));
      }
    }),
  );
});

test("values are those of the moment at which they are asked for", () => {
  const queue = new PlaceQueue<{ readonly seq: number }>();
  for (let seq = 1; seq <= 100; seq++) queue.add({ seq });
  const seen: number[] = [];
  for (const { seq } of queue.values()) {
    queue.delete(seq);
    queue.add({ seq: seq + 1000 });
    seen.push(seq);
  }
  expect(seen).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
  expect([...queue.seqs()]).toEqual(seen.map((seq) => seq + 1000));
});
