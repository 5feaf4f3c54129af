import { readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { LoadedConfig } from "./config.ts";

/** More nodes than this in one data root are a mistake, not a cluster. */
const directoriesMax = 1000;

export interface DataDirectories {
  /**
   * Data directories to try in this order. Whoever locks one has it, so that nodes which start at the same moment each get
   * their own. When it was asked for by name there is exactly one.
   */
  readonly candidates: readonly string[];
  readonly isFixed: boolean;
  readonly dataRoot: string;
  /** Where other nodes of this machine keep theirs. */
  readonly siblingRoot: string;
}

export function dataDirectories({ config, sources }: LoadedConfig): DataDirectories {
  const dataRoot = resolve(config.dataRoot);
  if (config.dataDir !== null) {
    const directory = resolve(config.dataDir);
    const siblingRoot = sources.dataRoot === "default" ? dirname(directory) : dataRoot;
    return { candidates: [directory], isFixed: true, dataRoot, siblingRoot };
  }
  if (config.name !== null) {
    const candidates = [join(dataRoot, config.name)];
    return { candidates, isFixed: true, dataRoot, siblingRoot: dataRoot };
  }
  const candidates = numberedDirectories(dataRoot);
  return { candidates, isFixed: false, dataRoot, siblingRoot: dataRoot };
}

/** `n1`, `n2`, ...: those that exist first, since a node that comes back is worth more than a new one. */
function numberedDirectories(dataRoot: string): readonly string[] {
  const existing = new Set(existingNumbers(dataRoot));
  const numbers = Array.from({ length: directoriesMax }, (_, i) => i + 1);
  return [
    ...numbers.filter((number) => existing.has(number)),
    ...numbers.filter((number) => !existing.has(number)),
  ].map((number) => join(dataRoot, `n${number}`));
}

function existingNumbers(dataRoot: string): readonly number[] {
  try {
    return readdirSync(dataRoot)
      .map((name) => /^n([1-9]\d{0,3})$/.exec(name)?.[1])
      .filter((digits) => digits !== undefined)
      .map(Number);
  } catch {
    return [];
  }
}
