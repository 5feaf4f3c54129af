import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { defaultLiveLimits as limits } from "../../../../src/api/live/limits.ts";
import { coordinateWishes, parseWishes, wishesFromQuery } from "../../../../src/api/live/wishes.ts";
import { ApiError } from "../../../../src/api/problem.ts";

const query = (text: string) => {
  const params = new URLSearchParams(text);
  return new Map([...params.keys()].map((name) => [name, params.getAll(name)]));
};

describe("what a viewer says", () => {
  test("is understood, each device and filter once", () => {
    const text = JSON.stringify({
      subscribe: { devices: { ids: ["b", "a", "b"] }, messages: ["x/#", "x/#"], stats: true },
      intervalMs: 250,
      resume: "t",
    });
    expect(parseWishes(text, limits)).toEqual({
      ...{ devices: ["a", "b"], messages: ["x/#"], cluster: false, stats: true },
      ...{ intervalMs: 250, resume: "t" },
    });
  });

  test.each([
    ["", "not JSON"],
    ["[]", "the message must be an object"],
    ["{}", "subscribe must be an object"],
    ['{"subscribe":{},"intervall":5}', 'unknown "intervall"'],
    ['{"subscribe":{"device":true}}', 'unknown "device"'],
    ['{"subscribe":{"devices":5}}', "subscribe.devices"],
    ['{"subscribe":{"devices":{"ids":[]}}}', "1 to 1000 devices"],
    ['{"subscribe":{"devices":{"ids":[""]}}}', "empty"],
    ['{"subscribe":{"devices":{"ids":["a"],"where":"x"}}}', "not both"],
    ['{"subscribe":{"devices":{"where":5}}}', "subscribe.devices.where must be"],
    ['{"subscribe":{"devices":{"where":"a <"}}}', "subscribe.devices.where: "],
    ['{"subscribe":{"devices":{"where":"a.constructor()"}}}', "expected one of the functions"],
    [`{"subscribe":{"devices":{"where":"${"(".repeat(5000)}"}}}`, "at most 1000 characters"],
    [`{"subscribe":{"devices":{"where":"${"(".repeat(900)}"}}}`, "at most 32 levels"],
    ['{"subscribe":{"messages":"a"}}', "list of topic filters"],
    ['{"subscribe":{"cluster":1}}', "subscribe.cluster"],
    ['{"subscribe":{},"intervalMs":49}', "50 to 60000"],
    ['{"subscribe":{},"intervalMs":"100"}', "intervalMs"],
    ['{"subscribe":{},"resume":5}', "resume"],
    [
      JSON.stringify({ subscribe: { messages: Array.from({ length: 65 }, (_, at) => `${at}`) } }),
      "64",
    ],
  ])("%s is refused by name", (text, reason) => {
    expect(() => parseWishes(text, limits)).toThrow(reason);
  });

  test("is never more than refused", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          parseWishes(text, limits);
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError);
        }
      }),
    );
  });
});

describe("what an address says", () => {
  test("where is of all devices, and an expression", () => {
    const wishesOf = (text: string) => wishesFromQuery(query(text), limits).devices;
    expect(wishesOf("where=battery<20")).toEqual({ where: "battery<20" });
    expect(wishesOf("devices=true&where=online")).toEqual({ where: "online" });
    expect(() => wishesOf("devices=a,b&where=online")).toThrow("leave out devices");
    expect(() => wishesOf("where=battery<")).toThrow("where: ");
  });

  test("is the same", () => {
    const wishes = wishesFromQuery(
      query("devices=b,a&messages=x/%23&messages=y&cluster=true&interval=500&resume=t"),
      limits,
    );
    expect(wishes).toEqual({
      ...{ devices: ["a", "b"], messages: ["x/#", "y"], cluster: true, stats: false },
      ...{ intervalMs: 500, resume: "t" },
    });
    expect(wishesFromQuery(query("devices=true"), limits).devices).toBe("all");
    expect(wishesFromQuery(query(""), limits).devices).toBeNull();
  });

  test.each([
    ["device=a", 'unknown "device"'],
    ["cluster=yes", "cluster must be true or false"],
    ["interval=5", "interval must be"],
    ["interval=1e3", "interval must be"],
    ["devices=a,,b", "empty"],
  ])("%s is refused by name", (text, reason) => {
    expect(() => wishesFromQuery(query(text), limits)).toThrow(reason);
  });

  test("/coordinates ignores what it does not know, and refuses what it cannot do", () => {
    expect(coordinateWishes(query("token=5"), limits)).toEqual({
      devices: "all",
      intervalMs: 1000,
      areGoneTold: false,
    });
    expect(coordinateWishes(query("interval=50&devices=b,a&gone=true"), limits)).toEqual({
      devices: ["a", "b"],
      intervalMs: 50,
      areGoneTold: true,
    });
    expect(() => coordinateWishes(query("interval=10"), limits)).toThrow("50 to 60000");
  });
});
