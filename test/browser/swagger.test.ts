import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalCluster } from "../../scripts/support/local-cluster.ts";
import { chromiumProblem, desktop, keepScreenshot, launch, openPage } from "./chromium.ts";

/** The description of the HTTP API, read by a person. */
const title = chromiumProblem === null ? "swagger" : `swagger (left out: ${chromiumProblem})`;

describe.skipIf(chromiumProblem !== null)(title, () => {
  let cluster: LocalCluster;
  let browser: Browser;

  beforeAll(async () => {
    cluster = await LocalCluster.start({ nodes: 1 });
    browser = await launch();
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await cluster?.stop();
  }, 60_000);

  test("lists every operation, tries one out, and keeps to the policy of the page", async () => {
    const base = `http://127.0.0.1:${cluster.nodeAt(0).ready?.http}`;
    const { page, context, complaints } = await openPage(
      browser,
      `${base}/swagger-ui.html`,
      desktop,
    );
    await page.locator(".opblock").first().waitFor();
    const { paths } = (await (await fetch(`${base}/api/openapi.json`)).json()) as {
      paths: Record<string, Record<string, object>>;
    };
    const described = Object.values(paths).flatMap((item) => Object.keys(item)).length;
    expect(described).toBeGreaterThan(30);
    await expect.poll(() => page.locator(".opblock").count()).toBe(described);
    const health = page.locator(".opblock", { hasText: "/api/health" }).first();
    await health.locator(".opblock-summary").click();
    await health.getByRole("button", { name: "Try it out" }).click();
    await health.getByRole("button", { name: "Execute" }).click();
    await health.locator(".live-responses-table").getByText('"status"').first().waitFor();
    await keepScreenshot(page, "swagger");
    expect(complaints).toEqual([]);
    await context.close();
  }, 150_000);
});
