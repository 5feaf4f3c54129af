/**
 * What an entry does before it imports the program: makes sure that a Node.js runs it that can. This file is loaded by
 * old versions too, so it imports `node:*` only and keeps to what Node.js 18 understands.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const versionMin = [22, 12] as const;

/** Set for a process that was started by {@link runAgain}, so that it never starts yet another one. */
const rerunVariable = "FLOCKMQ_RERUN";

const forwardedSignals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

export function isNodeSuitable(version: string = process.versions.node): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > versionMin[0] || (major === versionMin[0] && minor >= versionMin[1]);
}

/** The Node.js that `npm ci` put beside the program: the nearest `node_modules` upwards from `directory`. */
export function findLocalNode(directory: string): string | null {
  for (;;) {
    for (const path of ["node_modules/.bin/node", "node_modules/node/bin/node"]) {
      const candidate = join(directory, path);
      if (existsSync(candidate)) {
        return candidate;
      }
    }
    const parent = dirname(directory);
    if (parent === directory) {
      return null;
    }
    directory = parent;
  }
}

/** Runs the entry again with the local Node.js, or ends with status 1 and one line saying what to install. */
export function runAgain(entryUrl: string): void {
  const entry = fileURLToPath(entryUrl);
  const node = process.env[rerunVariable] === undefined ? findLocalNode(dirname(entry)) : null;
  if (node === null) {
    process.stderr.write(
      `FlockMQ needs Node.js ${versionMin.join(".")} or newer and this is ${process.versions.node}: ` +
        "install Node.js 24, or run `npm ci` in the checkout to get a local one.\n",
    );
    process.exitCode = 1;
    return;
  }
  const child = spawn(node, [...process.execArgv, entry, ...process.argv.slice(2)], {
    // The channel carries nothing: it breaks when this process dies, and that is what the child waits for.
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, [rerunVariable]: "1" },
  });
  standInFor(child);
}

/** Makes this process look like `child`: passes signals on, and ends the way it ends. */
function standInFor(child: ChildProcess): void {
  for (const signal of forwardedSignals) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("error", (error) => {
    process.stderr.write(`FlockMQ cannot start the local Node.js: ${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) {
      process.exit(code ?? 1);
    }
    for (const forwarded of forwardedSignals) {
      process.removeAllListeners(forwarded);
    }
    process.kill(process.pid, signal);
  });
}

/**
 * In a process started by {@link runAgain}: dies as abruptly as the process that an operator sees, since `kill -9` reaches
 * only that one and a broker that goes on serving unseen would be worse than a crash.
 */
export function dieWithParent(): void {
  if (process.env[rerunVariable] === undefined) {
    return;
  }
  delete process.env[rerunVariable];
  if (process.channel === undefined || process.channel === null) {
    return;
  }
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
  // The channel must not keep a program alive that has nothing left to do.
  process.channel.unref();
}
