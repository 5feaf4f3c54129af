import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fleet } from "../../scripts/fleet/fleet.ts";
import { LocalCluster } from "../../scripts/support/local-cluster.ts";
import {
  chromiumProblem,
  desktop,
  keepScreenshot,
  launch,
  openPage,
  whenMapMoves,
} from "./chromium.ts";

/** Nodes die under the eyes of two viewers: one looks at the cluster, one at the map. */
const title = chromiumProblem === null ? "failover" : `failover (left out: ${chromiumProblem})`;

describe.skipIf(chromiumProblem !== null)(title, () => {
  let cluster: LocalCluster;
  let fleet: Fleet;
  let browser: Browser;

  const urlOf = (index: number, path: string): string =>
    `http://127.0.0.1:${cluster.nodeAt(index).ready?.http}${path}`;

  beforeAll(async () => {
    cluster = await LocalCluster.start({ nodes: 3 });
    await cluster.whenInSync(60_000);
    fleet = new Fleet({
      urls: cluster.nodes.map(({ ready }) => `mqtt://127.0.0.1:${ready?.mqtt}`),
      robots: 20,
      rateHz: 5,
      qos: 0,
      prefix: "robot",
      sizeM: 100,
      random: Math.random,
    });
    fleet.start();
    browser = await launch();
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await fleet?.stop();
    await cluster?.stop();
  }, 60_000);

  async function kill(index: number): Promise<void> {
    cluster.nodeAt(index).signal("SIGKILL");
    await cluster.nodeAt(index).exited;
  }

  test("a node dies: the cluster page says so and the map keeps moving; it comes back: the page says that, too", async () => {
    const view = await openPage(browser, urlOf(0, "/cluster"), desktop);
    const map = await openPage(browser, urlOf(0, "/map"), desktop);
    await map.page.getByText("20 robots").waitFor();
    const member = view.page.locator('[data-node="n3"]');
    await view.page.locator('[data-node="n3"][data-state="up"]').waitFor();
    await kill(2);
    await view.page.locator('[data-node="n3"][data-state="down"]').waitFor({ timeout: 30_000 });
    await member.getByText("no answer").waitFor();
    await whenMapMoves(map.page);
    await keepScreenshot(view.page, "cluster-node-down");
    await keepScreenshot(map.page, "map-node-down");
    cluster.restart(2);
    await view.page.locator('[data-node="n3"][data-state="up"]').waitFor({ timeout: 60_000 });
    expect([...view.complaints, ...map.complaints]).toEqual([]);
    await view.context.close();
    await map.context.close();
  }, 150_000);

  test("the page's own node dies: the page goes on with another one, says so, and the map keeps moving", async () => {
    await cluster.whenInSync(60_000);
    const { page, context, complaints } = await openPage(browser, urlOf(1, "/map"), desktop);
    await page.getByText("Live · n2").waitFor();
    await page.getByText("20 robots").waitFor();
    // It must have heard of the others once.
    await page.getByText("Quorum").first().waitFor();
    await kill(1);
    await page.getByText(/Live · n[13]/).waitFor({ timeout: 30_000 });
    await page.getByText("does not answer").waitFor();
    await whenMapMoves(page);
    await keepScreenshot(page, "map-own-node-down");
    expect(complaints).toEqual([]);
    await context.close();
    cluster.restart(1);
  }, 150_000);
});
