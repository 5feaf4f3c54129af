import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BrokerCounters } from "../../../src/broker/counters.ts";
import { compilePatterns } from "../../../src/broker/device-patterns.ts";
import { BrokerNode } from "../../../src/broker-node.ts";
import { loadConfig } from "../../../src/config/config.ts";
import { Replica } from "../../../src/replica/replica.ts";
import { clientAccess } from "../../../src/reviving-node.ts";
import { Router } from "../../../src/routing/router.ts";
import { expose } from "../../../src/telemetry/exposition.ts";
import { createLog } from "../../../src/telemetry/log.ts";
import { version } from "../../../src/version.ts";
import { readDocument, rowNames, tableRows } from "../../support/documents.ts";
import { sourceFiles } from "../../tidy/source-tree.ts";

const page = readDocument("docs/metrics.md");
const documented = rowNames(page);

/** What stands for the open part of a name that the source puts together. */
const expansions: Readonly<Record<string, readonly string[]>> = {
  "transport_frames_dropped_${this.name}_full": ["raft", "control", "forward", "request"],
  "transport_links_${reason}": ["reset", "closed"],
  "transport_connections_refused_${reason}": ["full", "address", "flood", "late"],
  "transport_broadcasts_dropped_${reason}": ["too_large", "failed"],
  'transport_refused_${refusal.code.replaceAll("-", "_")}': [
    "wrong_secret",
    "wrong_cluster",
    "version_mismatch",
    "unreachable",
    "frame_malformed",
  ],
};

/** The network of the tests counts in its own way, and no process uses it. */
const files = sourceFiles("cluster").filter(({ path }) => !/\/memory[-.]/.test(path));
const templates = files.flatMap(({ text }) =>
  [...text.matchAll(/add\(\s*`([^`]*)`/g)].map((match) => match[1] ?? ""),
);

/** Names of the cluster library by their form; `too_large` is a reason and no name. */
const literals = files.flatMap(({ text }) =>
  [...text.matchAll(/"([a-z]+(?:_[a-z]+)+|links)"/g)]
    .map((match) => match[1] ?? "")
    .filter((name) => name !== "too_large"),
);
const feedCounters = sourceFiles("src/api").flatMap(({ text }) =>
  [...text.matchAll(/counters\.add\("(\w+)"/g)].map((match) => match[1] ?? ""),
);

function namesIn(exposition: string): string[] {
  return [...exposition.matchAll(/^# TYPE (\S+) /gm)].map((match) => match[1] ?? "");
}

function namesInSource(): string[] {
  const built = templates.flatMap((template) =>
    (expansions[template] ?? []).map((part) => template.replace(/\$\{.*\}/, part)),
  );
  const replica = new Replica().metrics();
  const counters = [
    ...new BrokerCounters().entries().keys(),
    ...[...replica.keys()].filter((name) => name !== "replica_records"),
    ...compilePatterns([]).metrics().keys(),
    ...new Router("self").metrics().keys(),
    ...feedCounters,
  ];
  const zero = (names: Iterable<string>) => new Map([...names].map((name) => [name, 0]));
  return namesIn(
    expose({
      info: {},
      gauges: {},
      counters: zero(counters),
      cluster: zero([...literals, ...built, "replica_records"]),
      process: new Map(),
    }),
  );
}

describe("docs/metrics.md", () => {
  const directory = mkdtempSync(join(tmpdir(), "flockmq-metrics-"));
  const flags = ["--data-root", directory, "--mdns", "off"];
  const anyPort = ["mqtt", "ws", "http", "peer"].flatMap((face) => [`--${face}`, "127.0.0.1:0"]);
  let node: BrokerNode;
  let scraped: readonly string[] = [];

  beforeAll(async () => {
    const loaded = loadConfig([...flags, ...anyPort], {}, version);
    if (loaded.kind !== "loaded") throw new Error("the options are not taken");
    const onFatal = (error: Error): never => {
      throw error;
    };
    const onCondemned = (): never => onFatal(new Error("condemned"));
    const log = createLog("silent");
    const access = clientAccess(loaded, log);
    node = new BrokerNode({ loaded, log, access, place: null, onFatal, onCondemned });
    const ready = await node.start();
    const answer = await fetch(`http://127.0.0.1:${ready?.http}/metrics`);
    scraped = namesIn(await answer.text());
  });

  afterAll(async () => {
    await node.stop(2000);
    rmSync(directory, { recursive: true, force: true });
  });

  test("has each name once, with a sentence", () => {
    expect(documented.length).toBeGreaterThan(100);
    expect(documented.filter((name, at) => documented.indexOf(name) !== at)).toEqual([]);
    const unexplained = tableRows(page).filter(([, meaning = ""]) => meaning.length < 4);
    expect(unexplained).toEqual([]);
  });

  test("has everything that a running node answers", () => {
    expect(scraped.length).toBeGreaterThan(90);
    expect(scraped.filter((name) => !documented.includes(name))).toEqual([]);
  });

  test("has every counter of the source", () => {
    expect(templates.filter((template) => !(template in expansions))).toEqual([]);
    expect(namesInSource().filter((name) => !documented.includes(name))).toEqual([]);
  });

  test("has nothing else", () => {
    const known = new Set([...scraped, ...namesInSource()]);
    expect(documented.filter((name) => !known.has(name))).toEqual([]);
  });
});
