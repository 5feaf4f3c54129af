import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { ClusterError } from "#cluster";
import { ApiServer } from "../../../src/api/server.ts";
import { runProgram } from "../../../src/cli/program.ts";
import type { Terminal } from "../../../src/cli/terminal.ts";
import { writePorts } from "../../../src/config/saved-ports.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { clusterStatus, FakeNodePort, nodeStatus } from "../../support/fake-node-port.ts";
import { silentLog } from "../../support/silent-log.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** Where nothing listens: port 1 needs privileges that no test process has. */
const nowhere = "http://127.0.0.1:1";

class FakeTerminal implements Terminal {
  readonly outLines: string[] = [];
  readonly errLines: string[] = [];
  readonly environment: Record<string, string> = {};
  onSleep = (): void => {};
  #nowMs = 0;

  out(text: string): void {
    this.outLines.push(...text.split("\n"));
  }

  err(text: string): void {
    this.errLines.push(...text.split("\n"));
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  async sleep(durationMs: number): Promise<void> {
    this.#nowMs += durationMs;
    this.onSleep();
  }
}

let node: FakeNodePort;
let terminal: FakeTerminal;

beforeEach(() => {
  node = new FakeNodePort();
  terminal = new FakeTerminal();
});

const run = (...argv: string[]) => runProgram(argv, terminal.environment, terminal);

async function serve(): Promise<number> {
  const server = new ApiServer({ node, clock: new FakeClock(), log: silentLog, isOpen: false });
  onTestFinished(() => server.close());
  return server.listen("127.0.0.1", 0);
}

const outOfSync = clusterStatus([nodeStatus("n1"), nodeStatus("n2", { role: "follower" })], {
  inSync: false,
  reasons: ["n2 is 5 entries behind"],
});

describe("cluster status", () => {
  test("prints a table and the verdict, and answers 0 in sync", async () => {
    const url = `http://127.0.0.1:${await serve()}`;
    expect(await run("status", "--url", url)).toBe(0);
    expect(terminal.outLines[0]).toContain("leader n1");
    expect(terminal.outLines[1]).toMatch(/^NODE +ROLE +STATE +TERM/);
    expect(terminal.outLines[2]).toMatch(/^n1 +leader +up +4 +120 +120 +120 +01234567 +118 +12/);
    expect(terminal.outLines[3]).toMatch(/^IN SYNC: 1 node /);
    expect(terminal.errLines).toEqual([]);
  });

  test("answers 1 when not in sync, with the reasons", async () => {
    node.status = outOfSync;
    expect(await run("status", "--url", `127.0.0.1:${await serve()}`)).toBe(1);
    expect(terminal.outLines.slice(-2)).toEqual(["NOT IN SYNC", "  - n2 is 5 entries behind"]);
  });

  test("answers 2 when no node answers, in one line", async () => {
    expect(await run("status", "--url", nowhere)).toBe(2);
    expect(terminal.errLines).toEqual([
      `cluster: no node answers at ${nowhere}: connection refused`,
    ]);
    expect(terminal.outLines).toEqual([]);
  });

  test("prints the status as one line of JSON", async () => {
    node.status = outOfSync;
    expect(await run("status", "--json", "--url", `http://127.0.0.1:${await serve()}`)).toBe(1);
    expect(terminal.outLines.map((line) => JSON.parse(line))).toEqual([outOfSync]);
  });

  test("waits until in sync", async () => {
    node.status = outOfSync;
    let sleeps = 0;
    terminal.onSleep = () => {
      if (++sleeps === 3) {
        node.status = clusterStatus([nodeStatus("n1")]);
      }
    };
    expect(await run("status", "--wait", "5", "--url", `127.0.0.1:${await serve()}`)).toBe(0);
    expect(sleeps).toBe(3);
  });

  test("gives up waiting, for sync as for an answer", async () => {
    node.status = outOfSync;
    expect(await run("status", "--wait", "1", "--url", `127.0.0.1:${await serve()}`)).toBe(1);
    expect(terminal.monotonicMs()).toBe(1000);
    expect(await run("status", "--wait", "1", "--url", nowhere)).toBe(2);
  });

  test("says so when a node has no status to give", async () => {
    node.failure = new ClusterError("no-quorum", "no leader");
    expect(await run("status", "--url", `127.0.0.1:${await serve()}`)).toBe(2);
    expect(terminal.errLines[0]).toContain("no leader");
  });

  test("finds a node by its data directory", async () => {
    const root = temporaryDirectory();
    const port = await serve();
    for (const [name, http] of [
      ["n1", 1],
      ["n2", port],
    ] as const) {
      mkdirSync(join(root, name));
      writePorts(join(root, name), { mqtt: 1, ws: 1, http, peer: 1 });
    }
    node.status = clusterStatus([nodeStatus("found")]);
    terminal.environment["FLOCKMQ_DATA_ROOT"] = root;
    terminal.environment["FLOCKMQ_HTTP"] = "127.0.0.1:1";
    expect(await run("status")).toBe(0);
    expect(terminal.outLines[0]).toContain(`asked http://127.0.0.1:${port}`);
  });
});

describe("cluster members and remove", () => {
  test("list and remove", async () => {
    const url = `http://127.0.0.1:${await serve()}`;
    expect(await run("members", "--url", url)).toBe(0);
    expect(terminal.outLines[1]).toMatch(/^n1 +n10{30} +leader +yes +up +0\.1\.0$/);
    expect(await run("remove", "n1", "--url", url)).toBe(0);
    expect(node.removed).toEqual(["n1"]);
  });

  test("list shows zones when there are any", async () => {
    const url = `http://127.0.0.1:${await serve()}`;
    node.status = clusterStatus([nodeStatus("n1", { zone: "rack-1" }), nodeStatus("n2")]);
    expect(await run("members", "--url", url)).toBe(0);
    expect(terminal.outLines[0]).toMatch(/^NODE +ID +ZONE +ROLE/);
    expect(terminal.outLines[1]).toMatch(/^n1 +n10{30} +rack-1 +leader/);
    expect(terminal.outLines[2]).toMatch(/^n2 +n20{30} +- +leader/);
  });

  test("a refusal is one line and status 1", async () => {
    class Refusing extends FakeNodePort {
      override async removeMember(): Promise<void> {
        throw new ClusterError("unknown-node", "no node n9");
      }
    }
    node = new Refusing();
    expect(await run("remove", "n9", "--url", `127.0.0.1:${await serve()}`)).toBe(1);
    expect(terminal.errLines).toEqual(["cluster: n9 was not removed: no node n9"]);
  });
});

describe("cluster secret", () => {
  test("is made by --new and never by looking", async () => {
    const root = temporaryDirectory();
    const file = join(root, "cluster.secret");
    expect(await run("secret", "--data-root", root)).toBe(1);
    expect(terminal.errLines[0]).toContain("no cluster secret at");
    expect(await run("secret", "--new", file)).toBe(0);
    expect(await run("secret", "--data-root", root)).toBe(0);
    expect(terminal.outLines.slice(0, 2)).toEqual(terminal.outLines.slice(2, 4));
    expect(terminal.outLines[1]).toMatch(/^fingerprint {2}([0-9a-f]{4}-){7}[0-9a-f]{4}$/);
    expect(await run("secret", "--new", file)).toBe(1);
  });

  test("is printed on demand", async () => {
    const file = join(temporaryDirectory(), "s");
    writeFileSync(file, "a secret of my own\n", { mode: 0o600 });
    expect(await run("secret", "--file", file, "--show")).toBe(0);
    expect(terminal.outLines).toEqual(["a secret of my own"]);
    terminal.environment["FLOCKMQ_CLUSTER_SECRET"] = "another one from outside";
    expect(await run("secret", "--show")).toBe(0);
    expect(terminal.outLines[1]).toBe("another one from outside");
  });
});

test.each([
  [[], "expected a command"],
  [["bogus"], "unknown command 'bogus'"],
  [["status", "--bogus"], "unknown option '--bogus'"],
  [["status", "--wait", "x"], "expected a number of seconds"],
  [["status", "--url", "ftp://x"], "--url: expected an http address"],
  [["remove"], "missing required argument"],
])("%j is a usage error in one line", async (argv, message) => {
  expect(await run(...argv)).toBe(2);
  expect(terminal.errLines).toHaveLength(1);
  expect(terminal.errLines[0]).toContain(message);
});
