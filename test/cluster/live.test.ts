import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import mqtt from "mqtt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { LocalCluster } from "../../scripts/support/local-cluster.ts";
import { root } from "../tidy/source-tree.ts";

/** What viewers and Prometheus see of three real nodes. */
let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start({ nodes: 3 });
  await cluster.whenInSync(60_000);
}, 120_000);

afterAll(async () => {
  await Promise.all(publishers.map((client) => client.endAsync(true)));
  await cluster.stop();
}, 30_000);

function httpOf(index: number): number {
  return cluster.nodeAt(index).ready?.http ?? 0;
}

interface Change {
  readonly id: string;
  readonly hasLeft?: boolean;
  readonly isDeleted?: boolean;
}

interface News {
  readonly type: string;
  readonly changes?: readonly Change[];
  readonly resume?: string;
  readonly reset?: boolean;
  readonly topic?: string;
  readonly payload?: string;
  readonly retain?: boolean;
}

/** A viewer of one node that keeps what it gets. */
class Watcher {
  readonly news: News[] = [];
  readonly #socket: WebSocket;
  #wake: () => void = () => undefined;

  constructor(index: number, request: object) {
    this.#socket = new WebSocket(`ws://127.0.0.1:${httpOf(index)}/api/v1/live`);
    this.#socket.on("open", () => this.#socket.send(JSON.stringify(request)));
    this.#socket.on("message", (data) => {
      this.news.push(JSON.parse(String(data)));
      this.#wake();
    });
  }

  async until(isMet: (news: readonly News[]) => boolean): Promise<readonly News[]> {
    while (!isMet(this.news)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.news;
  }

  get token(): string | undefined {
    return this.news.findLast(({ resume }) => resume !== undefined)?.resume;
  }

  close(): void {
    this.#socket.terminate();
  }
}

const publishers: mqtt.MqttClient[] = [];

/** Its client stays: one that leaves changes its device. */
async function publish(index: number, topic: string, payload: string, retain = false) {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${cluster.nodeAt(index).ready?.mqtt}`);
  publishers.push(client);
  await client.publishAsync(topic, payload, { qos: 1, retain });
}

const knows = (id: string) => (news: readonly News[]) =>
  news.some(({ changes }) => changes?.some((change) => change.id === id));

describe("viewers of three nodes", () => {
  test("a device that changes on one node reaches viewers of all, and their tokens hold on any", async () => {
    await publish(0, "sensors/first/motorRPM", "1");
    const watchers = [0, 1, 2].map((at) => new Watcher(at, { subscribe: { devices: true } }));
    await Promise.all(watchers.map((watcher) => watcher.until(knows("first"))));
    await publish(1, "sensors/second/motorRPM", "2");
    await Promise.all(watchers.map((watcher) => watcher.until(knows("second"))));
    const resume = watchers[0]?.token;
    for (const watcher of watchers) watcher.close();
    await publish(2, "sensors/third/motorRPM", "3");
    const back = new Watcher(2, { subscribe: { devices: true }, resume });
    const news = await back.until(knows("third"));
    const seen = news.flatMap(({ changes = [] }) => changes.map(({ id }) => id));
    expect(seen).toEqual(["third"]);
    expect(news.some(({ reset }) => reset === true)).toBe(false);
    back.close();
  }, 60_000);

  test("messages that are published at other nodes arrive once it is subscribed, after what is retained", async () => {
    await publish(1, "news/kept", "old", true);
    const watcher = new Watcher(0, { subscribe: { messages: ["news/#"] } });
    await watcher.until((news) => news.some(({ type }) => type === "subscribed"));
    await publish(2, "news/fresh", "new");
    const messages = (news: readonly News[]) => news.filter(({ type }) => type === "message");
    const news = await watcher.until((all) => messages(all).length >= 2);
    expect(messages(news)).toMatchObject([
      { topic: "news/kept", payload: "old", retain: true },
      { topic: "news/fresh", payload: "new", retain: false },
    ]);
    watcher.close();
  }, 60_000);

  test("a device that begins and ceases to match is told where it is watched, also to one that was away and comes back elsewhere", async () => {
    const request = { subscribe: { devices: { where: "pressure > 5 && id != 'other'" } } };
    const told = (news: readonly News[]): Change[] => news.flatMap(({ changes = [] }) => changes);
    const left = (id: string) => (news: readonly News[]) =>
      told(news).some((change) => change.id === id && change.hasLeft === true);
    await publish(0, "sensors/boiler/pressure", "3");
    await publish(0, "sensors/other/pressure", "9");
    const watchers = [1, 2].map((at) => new Watcher(at, request));
    await publish(0, "sensors/boiler/pressure", "7");
    await Promise.all(watchers.map((watcher) => watcher.until(knows("boiler"))));
    await publish(2, "sensors/boiler/pressure", "4");
    await Promise.all(watchers.map((watcher) => watcher.until(left("boiler"))));
    await publish(1, "sensors/boiler/pressure", "8");
    for (const watcher of watchers) {
      await watcher.until((news) => told(news).at(-1)?.hasLeft === undefined);
      const others = told(watcher.news).filter(({ id }) => id !== "boiler");
      expect(others).toEqual([]);
    }
    const resume = watchers[0]?.token;
    for (const watcher of watchers) watcher.close();
    await publish(1, "sensors/boiler/pressure", "1");
    const back = new Watcher(0, { ...request, resume });
    const news = await back.until(left("boiler"));
    expect(news.some(({ reset }) => reset === true)).toBe(false);
    back.close();
  }, 60_000);

  test("curl reads the same as server-sent events", async () => {
    const url = `http://127.0.0.1:${httpOf(1)}/api/v1/live/events?devices=first&cluster=true`;
    const curl = spawn("curl", ["-sN", url]);
    let text = "";
    for await (const chunk of curl.stdout) {
      text += chunk;
      if (text.includes("event: cluster\n") && text.includes('"id":"first"')) break;
    }
    curl.kill();
    expect(text).toMatch(/event: devices\nid: \S+\ndata: {"type":"devices","reset":true/);
  }, 60_000);
});

function isInstalled(program: string): boolean {
  return spawnSync(program, ["--version"]).error === undefined;
}

// Debian: apt-get install prometheus.
describe.skipIf(!isInstalled("prometheus"))("Prometheus, where it is installed", () => {
  test("promtool finds nothing wrong with what a node answers", async () => {
    const text = await (await fetch(`http://127.0.0.1:${httpOf(0)}/metrics`)).text();
    const input = { input: text, encoding: "utf8" } as const;
    expect(execFileSync("promtool", ["check", "metrics"], input)).toBe("");
  });

  test("scrapes three nodes, evaluates the rules, and sees one die", async () => {
    const targets = [0, 1, 2].map((at) => `127.0.0.1:${httpOf(at)}`);
    const prometheus = await startPrometheus(targets);
    try {
      const value = async (query: string): Promise<string | undefined> =>
        (await prometheus.ask<Query>(`query?query=${encodeURIComponent(query)}`)).result[0]
          ?.value[1];
      await expect.poll(() => value('sum(up{job="flockmq"})'), patience).toBe("3");
      await expect.poll(() => value("sum(flockmq_cluster_raft_is_leader)"), patience).toBe("1");
      await expect.poll(() => value("sum(flockmq_cluster_links)"), patience).toBe("6");
      const commits = "sum(flockmq_cluster_commit_latency_seconds_count)";
      await expect.poll(async () => Number(await value(commits)), patience).toBeGreaterThan(0);
      const { groups } = await prometheus.ask<Rules>("rules");
      const rules = groups.flatMap(({ rules }) => rules);
      expect(rules.length).toBeGreaterThan(10);
      await expect.poll(() => unhealthy(prometheus), patience).toEqual([]);
      cluster.nodeAt(2).signal("SIGKILL");
      await expect.poll(() => value('sum(up{job="flockmq"})'), patience).toBe("2");
      await expect.poll(() => value("max(flockmq_cluster_members_down)"), patience).toBe("1");
      const pending = 'ALERTS{alertname="FlockmqNodeDown",alertstate="pending"}';
      await expect.poll(() => value(`count(${pending})`), patience).toBe("1");
    } finally {
      await prometheus.stop();
    }
  }, 120_000);
});

const patience = { timeout: 60_000, interval: 200 };

interface Query {
  readonly result: readonly { readonly value: readonly [number, string] }[];
}

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly name: string; readonly health: string }[];
  }[];
}

interface RunningPrometheus {
  ask<Data>(path: string): Promise<Data>;
  stop(): Promise<void>;
}

async function unhealthy(prometheus: RunningPrometheus): Promise<readonly string[]> {
  const { groups } = await prometheus.ask<Rules>("rules");
  return groups
    .flatMap(({ rules }) => rules)
    .filter(({ health }) => health !== "ok")
    .map(({ name }) => name);
}

async function startPrometheus(targets: readonly string[]): Promise<RunningPrometheus> {
  const directory = cluster.cwd;
  copyFileSync(join(root, "docs/prometheus/alerts.yml"), join(directory, "alerts.yml"));
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: ["alerts.yml"],
    scrape_configs: [{ job_name: "flockmq", static_configs: [{ targets }] }],
  };
  // JSON is YAML, too.
  writeFileSync(join(directory, "prometheus.yml"), JSON.stringify(config));
  const child = spawn("prometheus", [
    `--config.file=${join(directory, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(directory, "prometheus")}`,
    "--web.listen-address=127.0.0.1:0",
  ]);
  // Read to the end: a program whose last words nobody takes ends.
  const port = await new Promise<string>((resolve, reject) => {
    let log = "";
    child.stderr.on("data", (chunk) => {
      log += chunk;
      const [, found] = /Listening on"? address=127\.0\.0\.1:(\d+)/.exec(log) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.on("exit", () => reject(new Error(`Prometheus did not start: ${log}`)));
  });
  return {
    ask: async <Data>(path: string): Promise<Data> => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
      return ((await answer.json()) as { data: Data }).data;
    },
    stop: async () => {
      const exited = once(child, "exit");
      child.kill();
      await exited;
    },
  };
}
