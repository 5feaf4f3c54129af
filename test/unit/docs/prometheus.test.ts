import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readDocument, rowNames } from "../../support/documents.ts";
import { root } from "../../tidy/source-tree.ts";

const documented = new Set(rowNames(readDocument("docs/metrics.md")));
const alerts = readDocument("docs/prometheus/alerts.yml");
const alertTests = readDocument("docs/prometheus/alerts.test.yml");
const dashboard = readDocument("docs/grafana/flockmq.json");

function metricsIn(text: string): string[] {
  const names = [...text.matchAll(/\b(flockmq|process)_[a-z0-9_]+/g)].map(([name]) => name);
  return [...new Set(names)].map((name) => name.replace(/_(bucket|sum|count)$/, ""));
}

function isInstalled(program: string): boolean {
  return spawnSync(program, ["--version"]).error === undefined;
}

describe.each([
  ["docs/prometheus/alerts.yml", alerts],
  ["docs/prometheus/alerts.test.yml", alertTests],
  ["docs/grafana/flockmq.json", dashboard],
])("%s", (_path, text) => {
  test("uses metrics that exist", () => {
    const used = metricsIn(text);
    expect(used.length).toBeGreaterThan(10);
    expect(used.filter((name) => !documented.has(name))).toEqual([]);
  });
});

test("every alert has a test in which it fires, a severity, and says what to do", () => {
  const names = [...alerts.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  const fired = [...alertTests.matchAll(/alertname: (\w+)\n\s+exp_alerts:/g)].map(([, n]) => n);
  expect(names.length).toBeGreaterThan(10);
  expect(names.filter((name) => !fired.includes(name))).toEqual([]);
  expect(alerts.match(/severity: (critical|warning|info)/g)).toHaveLength(names.length);
  expect(alerts.match(/description: "/g)).toHaveLength(names.length);
});

test("the dashboard has no two panels in one place, and each asks for something", () => {
  const { panels } = JSON.parse(dashboard) as {
    panels: { id: number; gridPos: object; targets: { expr: string }[] }[];
  };
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  expect(new Set(panels.map(({ gridPos }) => JSON.stringify(gridPos))).size).toBe(panels.length);
  expect(panels.every(({ targets }) => targets.length > 0)).toBe(true);
});

// Debian: apt-get install prometheus.
describe.skipIf(!isInstalled("promtool"))("promtool, where it is installed", () => {
  const promtool = (...args: string[]): string =>
    execFileSync("promtool", args, { cwd: join(root, "docs/prometheus"), encoding: "utf8" });

  test("finds the rules and the configuration in order", () => {
    expect(promtool("check", "rules", "alerts.yml")).toContain("SUCCESS");
    expect(promtool("check", "config", "prometheus.yml")).toContain("SUCCESS");
  });

  test("finds that the rules do what their tests say", () => {
    expect(promtool("test", "rules", "alerts.test.yml")).toContain("SUCCESS");
  });
});
