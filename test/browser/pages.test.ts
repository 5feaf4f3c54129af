import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fleet } from "../../scripts/fleet/fleet.ts";
import { LocalCluster } from "../../scripts/support/local-cluster.ts";
import {
  chromiumProblem,
  desktop,
  keepScreenshot,
  launch,
  looks,
  openPage,
  whenMapMoves,
} from "./chromium.ts";

/** The dashboard of a real cluster of three nodes with a small fleet, in a real browser. */
const title = chromiumProblem === null ? "pages" : `pages (left out: ${chromiumProblem})`;

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
  }, 150_000);

  const expected = [
    ["overview", "/", "3 of 3 up"],
    ["map", "/map?id=robot1", "battery"],
    ["cluster", "/cluster", "Content digest"],
    ["clients", "/clients", "fleet-robot1"],
    ["topics", "/topics", "sensors"],
    ["metrics", "/history", "Messages per second"],
  ] as const;
  const visits = expected.flatMap((page) =>
    looks.map((look) => [page[0], look.name, page, look] as const),
  );

  test.each(visits)(
    "%s shows the cluster on %s, without a complaint and without sideways scrolling",
    async (name, lookName, [, path, text], look) => {
      const { page, context, complaints } = await openPage(browser, urlOf(1, path), look);
      await page.getByText("Live · n2").waitFor();
      const wanted = text;
      await page.getByText(wanted).first().waitFor();
      const sideways = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      expect(sideways).toBe(0);
      expect(complaints).toEqual([]);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await keepScreenshot(page, `${name}-${lookName}-${colorScheme}`);
      }
      await context.close();
    },
    150_000,
  );

  test("the map moves between batches, and a robot obeys what the command box sends", async () => {
    const { page, context, complaints } = await openPage(browser, urlOf(0, "/map"), desktop);
    await page.getByText("20 robots").waitFor();
    await whenMapMoves(page);
    await page.keyboard.press("/");
    await page.keyboard.type("robot7");
    await page.keyboard.press("Enter");
    const panel = page.getByRole("complementary", { name: "Device robot7" });
    await panel.getByText("motor rpm").first().waitFor();
    const before = fleet.figures.commands;
    await panel.getByRole("button", { name: "slam" }).click();
    await panel.getByText("slam: delivered to 1 subscriber.").waitFor();
    await expect.poll(() => fleet.figures.commands, { timeout: 30_000 }).toBeGreaterThan(before);
    await keepScreenshot(page, "map-command");
    await page.keyboard.press("Escape");
    await panel.waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
    await context.close();
  }, 150_000);

  test("a test message is published from the topics page and appears in the tree, as text even if it is markup", async () => {
    const { page, context, complaints } = await openPage(browser, urlOf(2, "/topics"), desktop);
    await page.getByRole("button", { name: "Publish…" }).click();
    await page.getByLabel("Topic", { exact: true }).fill("plant/<b>line</b>/mode");
    await page.getByLabel("Payload").fill('<img src=x onerror="document.title=1">');
    await page.getByLabel("Retain").check();
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await page.getByText("Published.").waitFor();
    await page.getByRole("searchbox", { name: "Search topics" }).fill("line");
    const row = page.getByRole("treeitem", { name: /mode/ });
    await row.getByText("retained").waitFor();
    await row.click();
    const panel = page.getByRole("complementary");
    await panel.getByText('<img src=x onerror="document.title=1">').first().waitFor();
    expect(await page.locator("main img").count()).toBe(0);
    expect(complaints).toEqual([]);
    await keepScreenshot(page, "topics-message");
    await context.close();
  }, 150_000);

  test("a client is found on any node, shows what it did, and can be disconnected", async () => {
    const { page, context } = await openPage(browser, urlOf(0, "/clients"), desktop);
    await page.getByRole("searchbox", { name: "Search clients" }).fill("robot12");
    await page.getByRole("button", { name: "fleet-robot12" }).click();
    const panel = page.getByRole("complementary", { name: "Client fleet-robot12" });
    await panel.getByText("orin/robot12/command").first().waitFor();
    const before = fleet.figures.reconnects;
    await panel.getByRole("button", { name: "Disconnect…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disconnect", exact: true }).click();
    await panel.getByText("has ended its connection").waitFor();
    await expect.poll(() => fleet.figures.reconnects, { timeout: 30_000 }).toBeGreaterThan(before);
    await keepScreenshot(page, "clients-detail");
    await context.close();
  }, 150_000);

  test("a device that is deleted leaves the map and its panel at once, wherever it was deleted", async () => {
    const idle = ["ghost1", "ghost2"];
    for (const id of idle) {
      const body = JSON.stringify({ x: 5, y: 5 });
      const headers = { "content-type": "application/json" };
      const path = `/api/v1/devices/${id}/attributes/coordinates`;
      expect((await fetch(urlOf(0, path), { method: "PUT", body, headers })).ok).toBe(true);
    }
    const { page, context, complaints } = await openPage(
      browser,
      urlOf(0, "/map?id=ghost1"),
      desktop,
    );
    await page.getByText("22 robots").waitFor();
    const panel = page.getByRole("complementary", { name: "Device ghost1" });
    await panel.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
    await panel.getByText("It was deleted").waitFor();
    await page.getByText("21 robots").waitFor();
    expect((await fetch(urlOf(2, "/api/v1/devices/ghost2"), { method: "DELETE" })).status).toBe(
      204,
    );
    await page.getByText("20 robots").waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  }, 150_000);

  test("leadership goes where the cluster page sends it, and a node is drained there and takes clients again", async () => {
    const { page, context, complaints } = await openPage(browser, urlOf(0, "/cluster"), desktop);
    const leading = page.locator("[data-upkeep]").first();
    await leading.waitFor();
    const leader = await leading.getAttribute("data-upkeep");
    const other = leader === "n2" ? "n3" : "n2";
    await expect
      .poll(() => page.getByRole("button", { name: `Make leader… ${leader}` }).isDisabled())
      .toBe(true);
    await page.getByRole("button", { name: `Make leader… ${other}` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Make leader" }).click();
    await page.getByText(`${other} leads now.`).waitFor();
    await page.locator(`[data-upkeep="${other}"]`).getByRole("button", { name: "Drain…" }).click();
    const dialog = page.getByRole("dialog", { name: `Drain ${other}?` });
    await dialog.getByText("safe to stop afterwards").waitFor();
    await keepScreenshot(page, "cluster-drain");
    await dialog.getByRole("button", { name: "Drain", exact: true }).click();
    const row = page.locator(`[data-upkeep="${other}"]`);
    await row.getByText(`${other} is empty`).waitFor();
    await keepScreenshot(page, "cluster-drained");
    await row.getByRole("button", { name: "End drain" }).click();
    await page.getByText(`${other} takes clients again.`).waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  }, 150_000);

  test("everything is reached with the keyboard: pages, search, help, colours", async () => {
    const { page, context } = await openPage(browser, urlOf(0, "/"), desktop);
    await page.getByText("Live · n1").waitFor();
    await page.keyboard.press("3");
    await page.getByRole("heading", { level: 1, name: "Cluster" }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/cluster");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("t");
    await page.keyboard.press("t");
    expect(await page.locator("html").getAttribute("data-theme")).toBe("dark");
    await page.reload();
    expect(await page.locator("html").getAttribute("data-theme")).toBe("dark");
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the content");
    await page.goBack();
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await context.close();
  }, 150_000);
});
