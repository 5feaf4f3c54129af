import fc from "fast-check";
import { expect, test } from "vitest";
import { TopicSlots } from "../../../src/replica/topic-slots.ts";
import { anyTopic } from "../../support/routing-model.ts";

test("slots of topics are those of a map", () => {
  const step = fc.record({ topic: fc.oneof(anyTopic, fc.string()), isLooked: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const slots = new TopicSlots();
      const model = new Map<string, number>();
      for (const [at, { topic, isLooked }] of steps.entries()) {
        expect(slots.get(topic)).toBe(model.get(topic));
        if (isLooked) continue;
        if (model.delete(topic)) {
          slots.delete(topic);
        } else {
          model.set(topic, at);
          slots.add(topic, at);
        }
        expect(slots.size).toBe(model.size);
      }
      slots.clear();
      expect([slots.size, slots.largestPart]).toEqual([0, 0]);
      for (const topic of model.keys()) expect(slots.get(topic)).toBeUndefined();
    }),
  );
});

test("topics that differ in little are spread over many maps, so that none moves many at once", () => {
  const count = 64_000;
  for (const topicOf of [
    (at: number) => `site/${at % 100}/machine-${at}/state`,
    (at: number) => `sensors/robot-${at}/motorRPM`,
    (at: number) => String(at),
    (at: number) => `a/very/long/way/to/a/number/${at.toString(16)}/`,
  ]) {
    const slots = new TopicSlots();
    for (let at = 0; at < count; at++) slots.add(topicOf(at), at);
    expect(slots.largestPart).toBeLessThan((count / 64) * 1.5);
  }
});
