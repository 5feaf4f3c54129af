import { execFile, execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  buildRecorder,
  losePower,
  type RecordedDirectory,
  recorderEnvironment,
  startLying,
} from "../../../scripts/chaos/power-loss/power-loss.ts";

const run = promisify(execFile);

/** The recorder is C and for Linux; elsewhere these tests have nothing to run. */
function hasCompiler(): boolean {
  try {
    execFileSync("cc", ["--version"], { stdio: "ignore" });
    return process.platform === "linux";
  } catch {
    return false;
  }
}

describe.runIf(hasCompiler())("after power loss", () => {
  let directory: string;
  let recorded: RecordedDirectory;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "flockmq-recorder-"));
    recorded = { dataDir: join(directory, "data"), shadow: join(directory, "shadow") };
    await mkdir(recorded.dataDir);
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  /** Runs a program in the data directory under the recorder. `fs` is node:fs; `sync(name)` syncs a file or directory. */
  async function record(program: string): Promise<void> {
    const library = await buildRecorder(directory);
    const prelude = `const fs = require("node:fs");
      const sync = (name) => { const fd = fs.openSync(name); fs.fsyncSync(fd); fs.closeSync(fd); };`;
    await run(process.execPath, ["-e", prelude + program], {
      cwd: recorded.dataDir,
      env: { ...process.env, ...recorderEnvironment(library, recorded) },
    });
  }

  const content = (name: string): Promise<string> => readFile(join(recorded.dataDir, name), "utf8");

  test("a file holds what it held at its last sync, and an unsynced file is gone", async () => {
    await record(`
      fs.writeFileSync("1.log", "safe"); sync("1.log"); fs.appendFileSync("1.log", " unsafe");
      fs.writeFileSync("2.log", "unsafe");`);
    expect(await losePower(recorded, null)).toBe(" unsafe".length + "unsafe".length);
    expect(await content("1.log")).toBe("safe");
    expect(await readdir(recorded.dataDir)).toEqual(["1.log"]);
  });

  test("a part of the unsynced end may have reached the disk", async () => {
    await record(`
      fs.writeFileSync("1.log", "safe"); sync("1.log"); fs.appendFileSync("1.log", " unsafe");`);
    await losePower(recorded, () => 0.5);
    expect(await content("1.log")).toBe("safe uns");
  });

  test("a second sync adds to the first, also in a directory below", async () => {
    await record(`
      fs.mkdirSync("db"); fs.writeFileSync("db/1.log", "one"); sync("db/1.log");
      fs.appendFileSync("db/1.log", " two"); sync("db/1.log");`);
    await losePower(recorded, null);
    expect(await content("db/1.log")).toBe("one two");
  });

  test("a file written over and synced holds the new content", async () => {
    await record(`
      fs.writeFileSync("a.json", "a long text"); sync("a.json");
      fs.writeFileSync("a.json", "short"); sync("a.json");`);
    await losePower(recorded, null);
    expect(await content("a.json")).toBe("short");
  });

  test("renames and removals count from the next sync on", async () => {
    await record(`
      for (const name of ["old", "gone", "kept"]) { fs.writeFileSync(name, name); sync(name); }
      fs.renameSync("old", "new"); fs.unlinkSync("gone"); sync(".");
      fs.unlinkSync("kept");`);
    await losePower(recorded, null);
    expect((await readdir(recorded.dataDir)).sort()).toEqual(["kept", "new"]);
  });

  test("a file renamed without having been synced is empty", async () => {
    await record(`fs.writeFileSync("a.tmp", "text"); fs.renameSync("a.tmp", "a"); sync(".");`);
    await losePower(recorded, null);
    expect(await content("a")).toBe("");
  });

  test("of a disk that lies nothing new is left", async () => {
    await record(`fs.writeFileSync("1.log", "safe"); sync("1.log");`);
    await startLying(recorded);
    await record(`fs.appendFileSync("1.log", " promised"); sync("1.log");`);
    await losePower(recorded, null);
    expect(await content("1.log")).toBe("safe");
    expect(await readdir(recorded.dataDir)).toEqual(["1.log"]);
  });
});
