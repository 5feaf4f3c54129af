import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
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

test("bench: one node delivers a second of QoS 1 pairs exactly, and its figures are written", async () => {
  const directory = await mkdtemp(join(tmpdir(), "flockmq-slice-"));
  try {
    const json = join(directory, "result.json");
    const svg = join(directory, "result.svg");
    const slice = ["--only", "W3", "--brokers", "flockmq", "--rounds", "1", "--seconds", "1"];
    const args = [...slice, "--warmup", "0.2", "--json", json, "--svg", svg];
    await run(process.execPath, [script("bench", "main.ts"), ...args]);
    const { figures } = JSON.parse(await readFile(json, "utf8"));
    expect(figures).toHaveLength(1);
    expect(figures[0]).toMatchObject({
      ...{ workload: "pairs-qos1", contender: "flockmq", rounds: 1, failure: null },
      integrity: { lost: 0, duplicates: 0, outOfOrder: 0, foreign: 0 },
    });
    expect(figures[0].messagesPerSecond).toBeGreaterThan(0);
    expect(figures[0].cpuMicrosPerMessage).toBeGreaterThan(0);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 120_000);

test("bench:memory: a node holds 500 retained messages and answers a SUBSCRIBE to all of them", async () => {
  const directory = await mkdtemp(join(tmpdir(), "flockmq-slice-"));
  try {
    const json = join(directory, "result.json");
    const args = ["--only", "retained", "--retained", "500", "--json", json];
    await run(process.execPath, [script("bench", "memory", "main.ts"), ...args]);
    const { rows } = JSON.parse(await readFile(json, "utf8"));
    expect(rows.map(({ count }: { count: number }) => count)).toEqual([500, 500]);
    expect(rows[0].residentBytes).not.toBeNull();
    expect(rows[1].notes).toContain(" 0 missing");
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
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
