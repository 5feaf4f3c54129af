import { execFileSync } from "node:child_process";
import { getPriority } from "node:os";
import { expect, test } from "vitest";

const file = new URL("../../../scripts/bench/load/niceness.ts", import.meta.url).href;
/** Tells the niceness of each of its threads; of the main one first. */
const scriptWith = (call: string): string => `
import { readdirSync } from "node:fs";
import { getPriority } from "node:os";
import { letHelpersYield, setNiceness } from "${file}";
${call};
const others = readdirSync("/proc/self/task").map(Number).filter((thread) => thread !== process.pid);
console.log([process.pid, ...others].map((thread) => getPriority(thread)).join(" "));
`;

test.runIf(process.platform === "linux").each([
  ["setNiceness(15)", 15, 15],
  ["letHelpersYield()", getPriority(), 19],
])("%s reaches the threads that are meant", (call, main, others) => {
  const args = ["--input-type=module", "--eval", scriptWith(call)];
  const told = execFileSync(process.execPath, args, { encoding: "utf8" }).trim().split(" ");
  expect(told.length).toBeGreaterThan(1);
  expect(told).toEqual([main, ...told.slice(1).map(() => others)].map(String));
});
