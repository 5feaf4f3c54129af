import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import { findLocalNode, isNodeSuitable } from "../../../src/node-version.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const moduleUrl = new URL("../../../src/node-version.ts", import.meta.url).href;

/**
 * An entry that is run again once, as if the first Node.js were too old; it then does what `program` says and prints its
 * process id.
 */
function entryIn(directory: string, program: string): string {
  const path = join(directory, "entry.mjs");
  writeFileSync(
    path,
    `import { dieWithParent, runAgain } from ${JSON.stringify(moduleUrl)};
    if (process.env.FLOCKMQ_RERUN === undefined) runAgain(import.meta.url);
    else { dieWithParent(); ${program} console.log(process.pid, process.argv.slice(2)); }`,
  );
  return path;
}

function installLocalNode(directory: string): void {
  mkdirSync(join(directory, "node_modules", ".bin"), { recursive: true });
  symlinkSync(process.execPath, join(directory, "node_modules", ".bin", "node"));
}

function start(entry: string, ...args: string[]): ChildProcess {
  const flags = ["--experimental-strip-types", "--no-warnings"];
  return spawn(process.execPath, [...flags, entry, ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [line] = await once(createInterface({ input: child.stdout! }), "line");
  return String(line);
}

const forever = "setInterval(() => {}, 1000);";

describe("an entry under a Node.js that is too old", () => {
  test("runs again with the local one, arguments and exit code included", async () => {
    const directory = temporaryDirectory();
    installLocalNode(directory);
    const child = start(entryIn(directory, "process.exitCode = 7;"), "--mqtt", "0");
    const exited = once(child, "exit");
    expect(await firstLine(child)).toMatch(/^\d+ \[ '--mqtt', '0' \]$/);
    expect(await exited).toEqual([7, null]);
  });

  test("passes signals on", async () => {
    const directory = temporaryDirectory();
    installLocalNode(directory);
    const program = `process.on("SIGTERM", () => process.exit(3)); ${forever}`;
    const child = start(entryIn(directory, program));
    await firstLine(child);
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([3, null]);
  });

  test("ends by the signal that ended the other", async () => {
    const directory = temporaryDirectory();
    installLocalNode(directory);
    const child = start(entryIn(directory, forever));
    process.kill(Number.parseInt(await firstLine(child), 10), "SIGTERM");
    expect(await once(child, "exit")).toEqual([null, "SIGTERM"]);
  });

  test("takes the other with it when it is killed", async () => {
    const directory = temporaryDirectory();
    installLocalNode(directory);
    const child = start(entryIn(directory, forever));
    await firstLine(child);
    // "close" comes once nobody holds the write end of its output any more: neither it nor the other.
    const closed = once(child, "close");
    child.kill("SIGKILL");
    expect(await closed).toEqual([null, "SIGKILL"]);
  });

  test("says in one line what to install when there is none", async () => {
    const child = start(entryIn(temporaryDirectory(), ""));
    const exited = once(child, "exit");
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stderr! })) {
      lines.push(line);
    }
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("needs Node.js 22.12 or newer");
    expect(await exited).toEqual([1, null]);
  });
});

test.each([
  ["18.20.8", false],
  ["20.20.2", false],
  ["22.11.0", false],
  ["22.12.0", true],
  ["24.0.0", true],
])("Node.js %s: suitable %s", (version, expected) => {
  expect(isNodeSuitable(version)).toBe(expected);
});

test("the local Node.js is looked for upwards", () => {
  const directory = temporaryDirectory();
  installLocalNode(directory);
  const local = join(directory, "node_modules", ".bin", "node");
  expect(findLocalNode(join(directory, "dist", "cli"))).toBe(local);
});
