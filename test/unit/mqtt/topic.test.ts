import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isValidTopicFilter,
  isValidTopicName,
  matches,
  parseSharedFilter,
} from "../../../src/mqtt/topic.ts";

describe("matching", () => {
  it.each([
    ["sport/tennis/player1/#", "sport/tennis/player1", true],
    ["sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true],
    ["sport/#", "sport", true],
    ["sport/#", "sports", false],
    ["#", "a/b", true],
    ["sport/tennis/+", "sport/tennis/player1", true],
    ["sport/tennis/+", "sport/tennis/player1/ranking", false],
    ["sport/+", "sport", false],
    ["sport/+", "sport/", true],
    ["+/+", "/finance", true],
    ["/+", "/finance", true],
    ["+", "/finance", false],
    ["+/tennis/#", "sport/tennis", true],
    ["a//b", "a//b", true],
    ["a/+/b", "a//b", true],
    ["Accounts", "accounts", false],
    ["a/b", "a", false],
    ["a", "a/b", false],
  ])("%s and %s: %s (section 4.7)", (filter, topic, expected) => {
    expect(matches(filter, topic)).toBe(expected);
  });

  it.each([
    ["#", "$SYS/uptime", false],
    ["+/uptime", "$SYS/uptime", false],
    ["$SYS/#", "$SYS/uptime", true],
    ["$SYS/+", "$SYS/uptime", true],
  ])("%s and %s: %s [MQTT-4.7.2-1]", (filter, topic, expected) => {
    expect(matches(filter, topic)).toBe(expected);
  });

  it("agrees with a level by level comparison", () => {
    const level = fc.constantFrom("", "a", "b", "ab", "$x");
    const filterLevel = fc.oneof(level, fc.constantFrom("+", "#"));
    const filters = fc.array(filterLevel, { minLength: 1, maxLength: 5 }).map((l) => l.join("/"));
    const topics = fc.array(level, { minLength: 1, maxLength: 5 }).map((l) => l.join("/"));
    fc.assert(
      fc.property(filters, topics, (filter, topic) => {
        fc.pre(isValidTopicFilter(filter) && isValidTopicName(topic));
        expect(matches(filter, topic)).toBe(matchesByLevels(filter, topic));
      }),
      { numRuns: 5000 },
    );
  });
});

function matchesByLevels(filter: string, topic: string): boolean {
  if (topic.startsWith("$") && /^[+#]/.test(filter)) return false;
  const wanted = filter.split("/");
  const given = topic.split("/");
  for (const [index, level] of wanted.entries()) {
    if (level === "#") return true;
    if (index >= given.length || (level !== "+" && level !== given[index])) return false;
  }
  return wanted.length === given.length;
}

describe("validity", () => {
  it.each(["a", "/", "a//b", " ", "ä/☃", "$SYS/x"])("%s is a topic name", (topic) => {
    expect(isValidTopicName(topic)).toBe(true);
  });

  it.each([
    ["", "[MQTT-4.7.3-1]"],
    ["a\u0000", "[MQTT-4.7.3-2]"],
    ["a/+", "[MQTT-3.3.2-2]"],
    ["a#", "[MQTT-3.3.2-2]"],
    ["\ud800", "[MQTT-1.5.4-1]"],
    ["ä".repeat(32_768), "[MQTT-4.7.3-3]"],
    ["/".repeat(128), "129 levels"],
  ])("%j is no topic name %s", (topic, _claim) => {
    expect(isValidTopicName(topic)).toBe(false);
  });

  it.each(["#", "+", "a/#", "+/a/+", "/+", "$share/g/a", "$share/g/#", "$share/g//", "$shared/x"])(
    "%s is a topic filter",
    (filter) => expect(isValidTopicFilter(filter)).toBe(true),
  );

  it.each([
    "",
    "a#",
    "a/#/b",
    "#/",
    "a+",
    "+a",
    "a/b+/c",
    "$share",
    "$share/",
    "$share/g",
    "$share/g/",
  ])("%j is no topic filter", (filter) => expect(isValidTopicFilter(filter)).toBe(false));

  it.each(["$share//a", "$share/+/a", "$share/g#/a", "$share/g/a#"])(
    "%j is no shared filter [MQTT-4.8.2-1] [MQTT-4.8.2-2]",
    (filter) => expect(isValidTopicFilter(filter)).toBe(false),
  );

  it("128 levels are the limit unless told otherwise", () => {
    expect(isValidTopicName("/".repeat(127))).toBe(true);
    expect(isValidTopicName("a/b/c", 2)).toBe(false);
  });
});

describe("shared filters", () => {
  it("come apart into share name and filter", () => {
    expect(parseSharedFilter("$share/g/a/+")).toEqual({ shareName: "g", filter: "a/+" });
    expect(parseSharedFilter("a/+")).toBe(null);
  });
});
