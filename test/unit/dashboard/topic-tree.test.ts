import { expect, test } from "vitest";
import {
  filterProblem,
  TopicTree,
  topicProblem,
  topicsMax,
} from "../../../src/dashboard/model/topic-tree.ts";

function message(text: string, { isRetained = false, timeMs = 0 } = {}) {
  return { payload: new TextEncoder().encode(text), qos: 0, isRetained, timeMs };
}

function shown(tree: TopicTree, open: readonly string[], search = ""): string[] {
  return tree
    .rows(new Set(open), search)
    .map(({ node, depth }) => `${"  ".repeat(depth)}${node.level}`);
}

test("slashes make levels, and only open ones show what is beneath", () => {
  const tree = new TopicTree();
  for (const topic of ["plant/b/t", "plant/a/t", "plant/a", "other"]) {
    tree.take(topic, message("1"), true);
  }
  expect(shown(tree, [])).toEqual(["other", "plant"]);
  expect(shown(tree, ["plant", "plant/a"])).toEqual(["other", "plant", "  a", "    t", "  b"]);
  expect(tree.get("plant")?.topics).toBe(3);
  expect(tree.topics).toBe(4);
});

test("names with numbers are in the order of the numbers", () => {
  const tree = new TopicTree();
  for (const topic of ["r10", "r9", "r1"]) tree.take(topic, message("1"), true);
  expect(shown(tree, [])).toEqual(["r1", "r9", "r10"]);
});

test("empty levels are levels", () => {
  const tree = new TopicTree();
  tree.take("/a//b", message("1"), true);
  expect(shown(tree, ["", "/a", "/a/"])).toEqual(["", "  a", "    ", "      b"]);
  expect(tree.get("/a//b")?.last).not.toBeNull();
});

test("a search shows what matches and the way there, open or not", () => {
  const tree = new TopicTree();
  for (const topic of ["plant/a/Speed", "plant/b/t", "x"]) tree.take(topic, message("1"), true);
  expect(shown(tree, [], "speed")).toEqual(["plant", "  a", "    Speed"]);
  expect(shown(tree, [], "nothing")).toEqual([]);
});

test("a retained message that is read again does not take the place of a newer one", () => {
  const tree = new TopicTree();
  tree.take("t", message("kept", { isRetained: true }), false);
  expect(tree.get("t")).toMatchObject({ isRetained: true, count: 0 });
  tree.take("t", message("new"), true);
  tree.take("t", message("kept", { isRetained: true }), false);
  expect(new TextDecoder().decode(tree.get("t")?.last?.payload)).toBe("new");
  tree.take("t", message("", { isRetained: true }), true);
  expect(tree.get("t")?.isRetained).toBe(false);
});

test("the newest messages of a topic are kept, newest first", () => {
  const tree = new TopicTree();
  for (let i = 0; i < 50; i++) tree.take("t", message(String(i), { timeMs: i }), true);
  const recent = tree.get("t")?.recent ?? [];
  expect(recent.length).toBe(20);
  expect(recent[0]?.timeMs).toBe(49);
  expect(tree.get("t")?.count).toBe(50);
});

test("topics beyond the bound are counted and not kept; known ones go on", () => {
  const tree = new TopicTree();
  for (let i = 0; i < topicsMax + 5; i++) tree.take(`t/${i}`, message("1"), true);
  expect(tree.topics).toBe(topicsMax);
  expect(tree.refused).toBe(5);
  tree.take("t/0", message("2"), true);
  expect(tree.get("t/0")?.count).toBe(2);
});

test("names like those of objects are ordinary levels", () => {
  const tree = new TopicTree();
  tree.take("__proto__/constructor", message("1"), true);
  expect(shown(tree, ["__proto__"])).toEqual(["__proto__", "  constructor"]);
});

test("what cannot be published to or subscribed to is told why", () => {
  expect(topicProblem("a/b")).toBeNull();
  expect(topicProblem("a/+")).toContain("wildcards");
  expect(topicProblem("")).not.toBeNull();
  for (const filter of ["#", "a/+/b", "+", "a/#"]) expect(filterProblem(filter)).toBeNull();
  for (const filter of ["", "a#", "a/#/b", "a+/b"]) expect(filterProblem(filter)).not.toBeNull();
});
