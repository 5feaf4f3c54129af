import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matches } from "../../../src/mqtt/topic.ts";
import { TopicTrie } from "../../../src/routing/topic-trie.ts";
import { anyFilter, anyTopic } from "../../support/routing-model.ts";

function matchAll(trie: TopicTrie<string>, topic: string): string[] {
  const found: string[] = [];
  trie.match(topic, found);
  return found.sort();
}

function trieOf(...filters: string[]): TopicTrie<string> {
  const trie = new TopicTrie<string>();
  for (const filter of filters) {
    trie.add(filter, filter);
  }
  return trie;
}

describe("TopicTrie", () => {
  it("lets # match its parent and every level below [MQTT-4.7.1-1]", () => {
    const trie = trieOf("sport/tennis/#");
    expect(matchAll(trie, "sport/tennis")).toEqual(["sport/tennis/#"]);
    expect(matchAll(trie, "sport/tennis/player1/ranking")).toEqual(["sport/tennis/#"]);
    expect(matchAll(trie, "sport")).toEqual([]);
  });

  it("lets + match exactly one level, an empty one too [MQTT-4.7.1-2]", () => {
    const trie = trieOf("sport/+", "+/+", "/+", "+");
    expect(matchAll(trie, "sport/")).toEqual(["+/+", "sport/+"]);
    expect(matchAll(trie, "/finance")).toEqual(["+/+", "/+"]);
    expect(matchAll(trie, "sport")).toEqual(["+"]);
  });

  it("keeps $ topics from wildcards in the first level [MQTT-4.7.2-1]", () => {
    const trie = trieOf("#", "+/monitor/Clients", "$SYS/#", "$SYS/monitor/+");
    expect(matchAll(trie, "$SYS/monitor/Clients")).toEqual(["$SYS/#", "$SYS/monitor/+"]);
    expect(matchAll(trie, "a/$SYS")).toEqual(["#"]);
  });

  it("replaces the value of a filter that is there already", () => {
    const trie = trieOf("a/+", "a/#", "a");
    for (const filter of ["a/+", "a/#", "a"]) {
      trie.add(filter, "new");
      expect(trie.get(filter)).toBe("new");
    }
    expect(trie.size).toBe(3);
  });

  it("walks very deep topics without recursion", () => {
    const filter = `${"+/".repeat(30_000)}+`;
    const trie = trieOf(filter, "#");
    expect(matchAll(trie, `${"a/".repeat(30_000)}a`)).toEqual(["#", filter]);
    expect(trie.remove(filter)).toBe(true);
  });

  it("finds what the definition of matching finds, whatever was added and removed", () => {
    const steps = fc.array(fc.record({ filter: anyFilter, isAdded: fc.boolean() }));
    fc.assert(
      fc.property(steps, fc.array(anyTopic), (changes, topics) => {
        const trie = new TopicTrie<string>();
        const model = new Set<string>();
        for (const { filter, isAdded } of changes) {
          if (isAdded) {
            trie.add(filter, filter);
            model.add(filter);
          } else {
            expect(trie.remove(filter)).toBe(model.delete(filter));
          }
          expect(trie.size).toBe(model.size);
        }
        for (const topic of topics) {
          const expected = [...model].filter((filter) => matches(filter, topic)).sort();
          expect(matchAll(trie, topic)).toEqual(expected);
        }
        for (const filter of model) {
          expect(trie.get(filter)).toBe(filter);
          trie.remove(filter);
        }
        expect([trie.size, trie.nodeCount]).toEqual([0, 1]);
      }),
    );
  });
});
