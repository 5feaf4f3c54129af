import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { knowsGlobalLimit } from "../../../src/garbage-collector.ts";

const entry = fileURLToPath(new URL("../../../src/node.ts", import.meta.url));

/** What `probe` prints, a module that is loaded before the entry. */
function printedBy(probe: string): string {
  const flags = ["--experimental-strip-types", "--no-warnings", "--conditions=flockmq-source"];
  const probing = ["--expose-gc", "--allow-natives-syntax", "--import"];
  const module = `data:text/javascript,${encodeURIComponent(probe)}`;
  const args = [...flags, ...probing, module, entry, "--version"];
  return execFileSync(process.execPath, args, { encoding: "utf8" });
}

/** At the end of the process: makes objects at one place that all live on, until V8 has seen it, and then some more. */
const youngProbe = `process.once("exit", () => {
  const make = () => ({ inner: [1, 2] });
  const kept = [];
  for (let round = 0; round < 20; round++) {
    for (let count = 0; count < 20_000; count++) kept.push(make());
    gc({ type: "minor" });
  }
  let young = 0;
  for (let count = 0; count < 100; count++) if (%InYoungGeneration(make())) young++;
  process.stdout.write(young + " of 100 are young");
});`;

test("what a node makes is young at first, however long what was made at the same place before has lived", () => {
  expect(printedBy(youngProbe)).toContain("100 of 100 are young");
});

/**
 * When the program has ended: 32 MB of buffers that live for a while, 1.3 GB one after the other, beside objects on the heap. V8 left to itself marks the
 * heap a dozen times meanwhile.
 */
const buffersProbe = `import { PerformanceObserver, constants } from "node:perf_hooks";
let marked = 0;
new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) marked++;
}).observe({ entryTypes: ["gc"] });
process.once("beforeExit", () => {
  const kept = [];
  for (let count = 0; count < 400_000; count++) kept.push({ inner: [count] });
  marked = 0;
  const latest = new Array(2048);
  let made = 0;
  const make = () => {
    for (let count = 0; count < 2048; count++) latest[made++ % 2048] = Buffer.alloc(16384);
    if (made < 40 * 2048) setImmediate(make);
    else setTimeout(() => process.stdout.write("marked " + (marked <= 5 ? "seldom" : marked + " times")), 50);
  };
  make();
});`;

test.runIf(knowsGlobalLimit(process.versions.v8))(
  "the heap is not marked for each 64 MB of buffers that came and went",
  () => {
    expect(printedBy(buffersProbe)).toContain("marked seldom");
  },
);

/**
 * When the program has ended, with a heap that has not grown for a while: buffers and objects that are garbage at once, as messages are. V8 left to itself
 * marks the heap a dozen times meanwhile, and once now and then on a busy machine in any case.
 */
const messagesProbe = `import { PerformanceObserver, constants } from "node:perf_hooks";
let marked = 0;
new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) marked++;
}).observe({ entryTypes: ["gc"] });
process.once("beforeExit", async () => {
  const kept = [];
  for (let count = 0; count < 300_000; count++) kept.push({ count, text: "x" + count });
  const pause = (lastsMs) => new Promise((resolve) => setTimeout(resolve, lastsMs));
  const latest = [];
  let total = 0;
  for (let burst = 0; burst < 10; burst++) {
    await pause(300);
    gc();
    await pause(50);
    marked = 0;
    for (let turn = 0; turn < 150; turn++) {
      for (let read = 0; read < 40; read++) {
        const buffer = Buffer.allocUnsafeSlow(32768);
        for (let count = 0; count < 500; count++) latest[count % 64] = { buffer, count, topics: [count] };
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    await pause(50);
    total += marked;
  }
  process.stdout.write("marked " + (total <= 4 ? "seldom" : total + " times") + " beside " + kept.length);
});`;

test.runIf(knowsGlobalLimit(process.versions.v8))(
  "the heap is not marked for the buffers of messages that are garbage at once",
  () => {
    expect(printedBy(messagesProbe)).toContain("marked seldom beside");
  },
);

test("that is asked of a V8 that is known to have the flag, and of no other", () => {
  expect(knowsGlobalLimit("13.6.233.17-node.53")).toBe(true);
  expect(knowsGlobalLimit("12.4.254.21-node.33")).toBe(false);
  expect(knowsGlobalLimit("14.1.146.11-node.10")).toBe(false);
  expect(knowsGlobalLimit("13.60.1")).toBe(false);
});
