import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

const file = new URL("../../../scripts/bench/load/niceness.ts", import.meta.url).href;
/** Tells the niceness of each of its threads; its own, the collector's and others that are there from the beginning. */
const script = `
import { readdirSync } from "node:fs";
import { getPriority } from "node:os";
import { setNiceness } from "${file}";
setNiceness(19);
console.log(readdirSync("/proc/self/task").map((thread) => getPriority(Number(thread))).join(" "));
`;

test.runIf(process.platform === "linux")("niceness is that of all threads", () => {
  const args = ["--input-type=module", "--eval", script];
  const told = execFileSync(process.execPath, args, { encoding: "utf8" }).trim().split(" ");
  expect(told.length).toBeGreaterThan(1);
  expect(new Set(told)).toEqual(new Set(["19"]));
});
