import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/** Short, fixed slices of the long runs (`npm run chaos`, `npm run bench`), so that they cannot rot. */
const run = promisify(execFile);
const script = (...path: string[]): string =>
  join(import.meta.dirname, "..", "..", "scripts", ...path);

test("chaos: four strikes against three nodes lose nothing", async () => {
  const args = ["--rounds", "4", "--nodes", "3", "--writers", "4", "--seed", "7", "--json"];
  const { stdout } = await run(process.execPath, [script("chaos", "main.ts"), ...args]);
  expect(JSON.parse(stdout)).toMatchObject({
    lost: 0,
    outOfOrder: 0,
    phantom: 0,
    unacknowledgedAtTheEnd: 0,
    sameDigestEverywhere: true,
  });
}, 120_000);

test("chaos: stored sessions get everything, at QoS 2 once, in order, though the leader is killed", async () => {
  const strikes = ["--minutes", "0.1", "--nodes", "3", "--only", "kill -9 of the leader"];
  const args = ["--sessions", ...strikes, "--seed", "7", "--json"];
  const { stdout } = await run(process.execPath, [script("chaos", "main.ts"), ...args]);
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({ violations: [], sameDigestEverywhere: true });
  expect(Math.min(result.strikes, result.acknowledged, result.rivals.writes)).toBeGreaterThan(0);
}, 120_000);

test.runIf(hasCompiler())(
  "chaos: all of three nodes lose power at once, and no acknowledged write is lost",
  async () => {
    const args = ["--power-loss", "1", "--seed", "7", "--json"];
    const { stdout } = await run(process.execPath, [script("chaos", "main.ts"), ...args]);
    expect(JSON.parse(stdout)).toMatchObject({ violations: [], sameDigestEverywhere: true });
  },
  120_000,
);

/** The recorder of what was synced is C and for Linux. */
function hasCompiler(): boolean {
  return (
    process.platform === "linux" && spawnSync("cc", ["--version"], { stdio: "ignore" }).status === 0
  );
}
