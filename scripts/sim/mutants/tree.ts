import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Mutant } from "../../../test/sim/mutants/mutant.ts";
import { mutate } from "../../../test/sim/mutants/mutants.ts";

const root = join(import.meta.dirname, "../../..");
const folders = ["cluster", "src", "scripts", "test"];
/** Most of what a short hunt costs is to compile the sources, and they are nearly the same each time. */
const compileCache = ".compile-cache";
const files = ["package.json", "tsconfig.base.json", "vitest.config.ts"];

export interface Ended {
  /** Null when its time was up. */
  readonly code: number | null;
  readonly output: string;
}

export interface Run {
  /** Ends the program when it has used so much processor time without a word; on a busy machine it may just wait for its turn. */
  readonly silenceMaxMs: number;
  /** Ends it in any case; 0 for no bound. */
  readonly totalMaxMs: number;
}

const silenceLooksMs = 5000;
/** Linux counts in hundredths of a second. */
const processorTickMs = 10;

/** What the process has used so far, as Linux tells it; elsewhere the time of day, as if it had used all of it. */
function processorMsOf(pid: number | undefined): number {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return process.platform === "linux" ? 0 : performance.now();
  }
  // Behind the name, which may hold anything: user and system time are the twelfth and thirteenth of what follows.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * processorTickMs;
}

/** A copy of the sources in a temporary directory, so that a bug never stands in the tree itself. */
export class SourceTree {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async copyOf(from: string = root): Promise<SourceTree> {
    const path = await mkdtemp(join(tmpdir(), "flockmq-mutants-"));
    for (const name of [...folders, ...files]) {
      await cp(join(from, name), join(path, name), { recursive: true });
    }
    await symlink(join(root, "node_modules"), join(path, "node_modules"));
    return new SourceTree(path);
  }

  /** Names the content of the whole copy but for the table of mutants and what runs them. */
  async hash(): Promise<string> {
    const hash = createHash("sha256");
    const names = [...files];
    for (const folder of folders) {
      const entries = await readdir(join(this.path, folder), {
        recursive: true,
        withFileTypes: true,
      });
      for (const entry of entries) {
        if (!entry.isFile() || entry.parentPath.endsWith("sim/mutants")) continue;
        names.push(join(entry.parentPath, entry.name).slice(this.path.length));
      }
    }
    for (const name of names.sort()) {
      hash.update(name).update(await readFile(join(this.path, name)));
    }
    return hash.digest("hex").slice(0, 16);
  }

  async withMutant<T>(mutant: Mutant, run: () => Promise<T>): Promise<T> {
    const path = join(this.path, mutant.file);
    const source = await readFile(path, "utf8");
    await writeFile(path, mutate(source, mutant));
    try {
      return await run();
    } finally {
      await writeFile(path, source);
    }
  }

  /** Runs a Node program in the copy. */
  run(args: readonly string[], { silenceMaxMs, totalMaxMs }: Run): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, args, {
        cwd: this.path,
        env: { ...process.env, NO_COLOR: "1", NODE_COMPILE_CACHE: join(this.path, compileCache) },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const end = (): boolean => child.kill("SIGKILL");
      let spokeAtMs = processorMsOf(child.pid);
      const silence = setInterval(() => {
        if (processorMsOf(child.pid) - spokeAtMs >= silenceMaxMs) end();
      }, silenceLooksMs);
      const total = totalMaxMs > 0 ? setTimeout(end, totalMaxMs) : undefined;
      const parts: Buffer[] = [];
      const take = (part: Buffer): void => {
        parts.push(part);
        spokeAtMs = processorMsOf(child.pid);
      };
      child.stdout.on("data", take);
      child.stderr.on("data", take);
      child.on("error", reject);
      child.on("close", (code) => {
        clearInterval(silence);
        clearTimeout(total);
        resolve({ code, output: Buffer.concat(parts).toString("utf8") });
      });
    });
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }
}
