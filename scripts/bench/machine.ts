import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";

/** What a figure was measured on, for every result that is kept. */
export function machine(): {
  readonly processor: string;
  readonly cores: number;
  readonly node: string;
} {
  const all = cpus();
  return { processor: all[0]?.model.trim() ?? "unknown", cores: all.length, node: process.version };
}

export function flockMqVersion(): string {
  const manifest = readFileSync(join(import.meta.dirname, "..", "..", "package.json"), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
