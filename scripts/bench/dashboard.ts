/**
 * What the dashboard costs a browser: size, first paint, and frames per second of the map while robots move. One node, one publisher
 * for all robots, headless Chromium with software rendering, all on this machine: what a desk with a graphics card shows is better.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Command } from "commander";
import mqtt from "mqtt";
import { type Browser, type CDPSession, chromium, type Page } from "playwright-core";
import { LocalCluster } from "../support/local-cluster.ts";

const program = new Command("bench:dashboard")
  .option("--robots <count>", "robots on the map", "5000")
  .option("--rate <hz>", "positions of each robot per second", "1")
  .option("--seconds <count>", "how long frames are counted", "15")
  .option("--chromium <path>", "the browser", "/usr/bin/chromium")
  .parse();
const options = program.opts<{
  robots: string;
  rate: string;
  seconds: string;
  chromium: string;
}>();
const robots = Number(options.robots);

const firstContentfulPaint =
  'performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1';

const cluster = await LocalCluster.start({ nodes: 1 });
const node = cluster.nodeAt(0).ready;
const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${node?.mqtt}`, { protocolVersion: 5 });
const stopMoving = move(Number(options.rate));
const browser = await chromium.launch({
  executablePath: options.chromium,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
const url = `http://127.0.0.1:${node?.http}`;
console.log(JSON.stringify({ size: sizes() }));
console.log(JSON.stringify({ firstPaint: await firstPaints(browser, 5) }));
console.log(JSON.stringify({ map: await frames(browser) }));
await browser.close();
stopMoving();
await client.endAsync(true);
await cluster.stop();

/** All robots on circles, spread over the interval. Answers the way to stop. */
function move(rateHz: number): () => void {
  const slices = 20;
  let slice = 0;
  const timer = setInterval(
    () => {
      const now = Date.now();
      for (let i = slice % slices; i < robots; i += slices) {
        const angle = now / 8000 + i;
        const x = 500 + 480 * Math.cos(i * 1.7) + 15 * Math.cos(angle);
        const y = 500 + 480 * Math.sin(i * 2.3) + 15 * Math.sin(angle);
        const position = { x: Number(x.toFixed(2)), y: Number(y.toFixed(2)), timestamp: now };
        client.publish(`sensors/robot${i + 1}/coordinates`, JSON.stringify(position), { qos: 0 });
      }
      slice++;
    },
    1000 / rateHz / slices,
  );
  return () => clearInterval(timer);
}

function sizes(): object {
  const folder = join(import.meta.dirname, "..", "..", "dist", "dashboard");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => /\.(html|js|css|svg)$/.test(name));
  return Object.fromEntries(
    files.map((name) => {
      const bytes = readFileSync(join(folder, name));
      const brotliBytes = readFileSync(join(folder, `${name}.br`)).length;
      return [
        name,
        { bytes: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotliBytes },
      ];
    }),
  );
}

/** Of the overview with an empty cache, in milliseconds from the start of the navigation; the median of some. */
async function firstPaints(inBrowser: Browser, times: number): Promise<object> {
  const painted: number[] = [];
  const live: number[] = [];
  for (let i = 0; i < times; i++) {
    const context = await inBrowser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await page.goto(url);
    await page.getByText("Live ·").waitFor();
    live.push(await page.evaluate<number>("performance.now()"));
    painted.push(await page.evaluate<number>(firstContentfulPaint));
    await context.close();
  }
  return { firstContentfulPaintMs: median(painted), liveMs: median(live), times };
}

async function frames(inBrowser: Browser): Promise<object> {
  const page = await inBrowser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(`${url}/map`);
  await page.getByText(/under 3 s/).waitFor();
  await untilAllAreShown(page);
  const seconds = Number(options.seconds);
  const cpu = await page.context().newCDPSession(page);
  await cpu.send("Performance.enable", { timeDomain: "threadTicks" });
  const before = await busySeconds(cpu);
  const took = await page.evaluate<number[]>(countFrames(seconds * 1000));
  const busy = (await busySeconds(cpu)) - before;
  const heapBytes = await page.evaluate<number>("performance.memory.usedJSHeapSize");
  took.sort((a, b) => a - b);
  return {
    robots,
    framesPerSecond: Math.round((took.length / seconds) * 10) / 10,
    frameMs: { p50: at(took, 0.5), p95: at(took, 0.95), p99: at(took, 0.99) },
    /** CPU of the page's main thread alone; it does not depend on what else the machine does. */
    mainThreadMsPerFrame: Math.round((busy / took.length) * 100_000) / 100,
    heapMiB: Math.round(heapBytes / 1_048_576),
  };
}

async function busySeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0;
}

async function untilAllAreShown(page: Page): Promise<void> {
  const wanted = `Map of ${robots} robots`;
  await page.locator(`canvas[aria-label^="${wanted}"]`).waitFor({ timeout: 120_000 });
}

/** As text, for it runs in the page. */
function countFrames(forMs: number): string {
  return `new Promise((resolve) => {
    const took = [];
    const begun = performance.now();
    let last = begun;
    const frame = (now) => {
      if (now > last) took.push(now - last);
      last = now;
      if (now - begun < ${forMs}) requestAnimationFrame(frame);
      else resolve(took);
    };
    requestAnimationFrame(frame);
  })`;
}

function median(values: readonly number[]): number {
  return at(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}

function at(sorted: readonly number[], share: number): number {
  return Math.round((sorted[Math.floor((sorted.length - 1) * share)] ?? 0) * 10) / 10;
}
