import { expect, test } from "vitest";
import { loadConfig } from "../../../src/config/config.ts";
import { formationOf } from "../../../src/startup.ts";

const candidates = { FLOCKMQ_JOIN: "c:3" };

test.each([
  [[], {}, { kind: "found" }],
  [[], candidates, { kind: "found" }],
  [["--join"], {}, { kind: "join", addresses: [], isDiscovering: true }],
  [["--join"], candidates, { kind: "join", addresses: ["c:3"], isDiscovering: true }],
  [["--join", "a:1"], candidates, { kind: "join", addresses: ["a:1"], isDiscovering: false }],
  [
    ["--bootstrap-expect", "3"],
    candidates,
    { kind: "expect", count: 3, addresses: ["c:3"], isDiscovering: true },
  ],
  [
    ["--bootstrap-expect", "3", "--join", "a:1,b:2"],
    {},
    { kind: "expect", count: 3, addresses: ["a:1", "b:2"], isDiscovering: false },
  ],
])("%j with %j", (argv, environment, expected) => {
  const result = loadConfig(argv, environment, "0.1.0");
  expect(result.kind === "loaded" ? formationOf(result) : null).toEqual(expected);
});
