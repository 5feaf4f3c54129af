import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onInterrupt } from "../interrupt.ts";

const repository = join(import.meta.dirname, "..", "..", "..");

/** Another revision, checked out beside this one and built. */
export interface Build {
  readonly revision: string;
  readonly subject: string;
  /** Its `dist/node.js`. */
  readonly entry: string;
  remove(): void;
}

/** Takes the dependencies of this checkout where the revision wants the same, and installs its own otherwise. */
export function buildRevision(name: string): Build {
  const revision = revisionOf(name);
  const subject = git("log", "-1", "--format=%h %s", revision);
  const parent = mkdtempSync(join(tmpdir(), "flockmq-base-"));
  const directory = join(parent, "checkout");
  const remove = (): void => {
    if (existsSync(directory)) git("worktree", "remove", "--force", directory);
    rmSync(parent, { recursive: true, force: true });
  };
  // Also while it is built: the signal is seen when the step that runs has ended.
  onInterrupt(remove);
  try {
    git("worktree", "add", "--detach", directory, revision);
    installIn(directory);
    run(directory, process.execPath, [
      join("node_modules", "typescript", "bin", "tsc"),
      ...["-b", "cluster", "src"],
    ]);
  } catch (error) {
    remove();
    throw error;
  }
  return { revision, subject, entry: join(directory, "dist", "node.js"), remove };
}

function revisionOf(name: string): string {
  try {
    return git("rev-parse", "--verify", `${name}^{commit}`);
  } catch (error) {
    throw new RangeError(`${name} is no revision of this repository`, { cause: error });
  }
}

function installIn(directory: string): void {
  const lock = (of: string): string => readFileSync(join(of, "package-lock.json"), "utf8");
  if (lock(directory) === lock(repository)) {
    symlinkSync(join(repository, "node_modules"), join(directory, "node_modules"));
  } else {
    // Its own build would also make the dashboard, which is not measured.
    run(directory, "npm", [
      "ci",
      "--ignore-scripts",
      "--prefer-offline",
      "--no-audit",
      "--no-fund",
    ]);
    run(directory, "npm", ["rebuild", "classic-level"]);
  }
}

function run(cwd: string, command: string, args: readonly string[]): void {
  execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
}

function git(...args: readonly string[]): string {
  return execFileSync("git", args, {
    cwd: repository,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}
