import { expect, test } from "vitest";
import { knowsGlobalLimit } from "../../src/garbage-collector.ts";

test("the flag is set where V8 is known to have it, and nowhere else", () => {
  expect(knowsGlobalLimit("13.6.233.17-node.53")).toBe(true);
  expect(knowsGlobalLimit("12.4.254.21-node.33")).toBe(false);
  expect(knowsGlobalLimit("14.1.146.11-node.10")).toBe(false);
  expect(knowsGlobalLimit("13.60.1")).toBe(false);
});
