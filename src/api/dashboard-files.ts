import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";

/** What the build writes beside each file, best first. */
const encodings = [
  ["br", ".br"],
  ["gzip", ".gz"],
] as const;

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

export interface DashboardFile {
  readonly type: string;
  readonly body: Buffer;
  /** By content coding, as far as the build made them. */
  readonly encoded: ReadonlyMap<string, Buffer>;
}

/** By URL path below the root, such as `assets/index-BZsMG0zI.js`. */
export type DashboardFiles = ReadonlyMap<string, DashboardFile>;

/**
 * Reads the built dashboard into memory: a dozen files, served by exact name, so that no request ever names a path of the file
 * system. Empty without a directory, and when it was not built.
 */
export function readDashboard(directory: string | null): DashboardFiles {
  const files = new Map<string, DashboardFile>();
  if (directory === null || !existsSync(directory)) return files;
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    const type = types[extname(name)];
    if (type === undefined) continue;
    const path = join(directory, name);
    const encoded = new Map<string, Buffer>();
    for (const [encoding, suffix] of encodings) {
      if (existsSync(path + suffix)) encoded.set(encoding, readFileSync(path + suffix));
    }
    files.set(name.replaceAll("\\", "/"), { type, body: readFileSync(path), encoded });
  }
  return files;
}

/** The best coding of a file that `Accept-Encoding` allows; null for the file as it is. */
export function chooseEncoding(file: DashboardFile, accepted: string): string | null {
  const allowed = new Map(
    accepted.split(",").map((part) => {
      const [name = "", quality = ""] = part.trim().toLowerCase().split(";");
      return [name.trim(), !/^\s*q=0(\.0*)?$/.test(quality)] as const;
    }),
  );
  return [...file.encoded.keys()].find((name) => allowed.get(name) === true) ?? null;
}
