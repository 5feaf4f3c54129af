import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

const executablePath = "/usr/bin/chromium";

/** Why the tests of the dashboard cannot run here; null when they can. */
export const chromiumProblem: string | null = existsSync(executablePath)
  ? null
  : `there is no ${executablePath}: apt-get install chromium`;

/** A busy machine renders slowly. */
const stepTimeoutMs = 60_000;

/** Software rendering, and nothing that talks to the world. */
const launchArguments = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface Look {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly scheme: "light" | "dark";
}

export const desktop: Look = { name: "desktop", width: 1280, height: 800, scheme: "light" };
export const phone: Look = { name: "phone", width: 390, height: 844, scheme: "dark" };
export const looks: readonly Look[] = [desktop, phone];

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath, args: launchArguments });
}

/** A page, and everything that it complained about. */
export interface WatchedPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts and violations of the policy; what a dead node causes is no complaint. */
  readonly complaints: string[];
}

const causedByDeadNodes = /WebSocket connection|ERR_CONNECTION|Failed to load resource|CORS/;

export async function openPage(browser: Browser, url: string, look: Look): Promise<WatchedPage> {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    colorScheme: look.scheme,
    hasTouch: look.width < 600,
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(stepTimeoutMs);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !causedByDeadNodes.test(text)) complaints.push(text);
  });
  await page.goto(url);
  return { page, context, complaints };
}

/** With SCREENSHOTS=folder, what the tests see is kept there for a person to look at. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  const folder = process.env["SCREENSHOTS"];
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}

/** Two looks at the map differ: something moved between them. */
export async function whenMapMoves(page: Page, timeoutMs = 30_000): Promise<void> {
  const before = await page.evaluate<string>(pictureOfMap);
  expect(before.length).toBeGreaterThan(100);
  await expect
    .poll(() => page.evaluate<string>(pictureOfMap), { timeout: timeoutMs })
    .not.toBe(before);
}

/** As text, for it runs in the page, whose types are not those of the tests. */
const pictureOfMap = 'document.querySelector("canvas").toDataURL()';
