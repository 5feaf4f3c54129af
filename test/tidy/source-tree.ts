import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

export const root = join(import.meta.dirname, "..", "..");

export interface SourceFile {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly ImportLine[];
}

export interface ImportLine {
  readonly specifier: string;
  /** Repository path of the imported file, or null for a package. */
  readonly target: string | null;
  readonly isTypeOnly: boolean;
}

const importPattern =
  /^\s*(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;

export function sourceFiles(...folders: string[]): SourceFile[] {
  return folders.flatMap((folder) => walk(join(root, folder))).map(readSource);
}

function walk(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return name === "node_modules" ? [] : walk(path);
    return /\.tsx?$/.test(name) ? [path] : [];
  });
}

function readSource(fullPath: string): SourceFile {
  const path = relative(root, fullPath);
  const text = readFileSync(fullPath, "utf8");
  const imports: ImportLine[] = [];
  for (const match of text.matchAll(importPattern)) {
    const specifier = match[2] ?? match[3];
    if (specifier === undefined) continue;
    imports.push({
      specifier,
      target: specifier.startsWith(".") ? normalize(join(dirname(path), specifier)) : null,
      isTypeOnly: match[1] !== undefined,
    });
  }
  return { path, text, imports };
}

/** Without comments and string contents, so that a word in prose is not taken for code. */
export function codeOf(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|[^:"'`])\/\/.*$/gm, "$1")
    .replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, '""');
}

/** Groups of files that import each other in a circle; type-only imports vanish at run time and do not count. */
export function importCycles(files: readonly SourceFile[]): string[][] {
  const graph = new Map(
    files.map((file) => [
      file.path,
      file.imports
        .filter((line) => !line.isTypeOnly && line.target !== null)
        .map((line) => line.target as string),
    ]),
  );
  const indexes = new Map<string, number>();
  const lows = new Map<string, number>();
  const stack: string[] = [];
  const cycles: string[][] = [];
  const visit = (path: string): void => {
    indexes.set(path, indexes.size);
    lows.set(path, indexes.get(path) as number);
    stack.push(path);
    for (const next of graph.get(path) ?? []) {
      if (!graph.has(next)) continue;
      if (!indexes.has(next)) visit(next);
      if (stack.includes(next)) {
        lows.set(path, Math.min(lows.get(path) as number, lows.get(next) as number));
      }
    }
    if (lows.get(path) !== indexes.get(path)) return;
    const group = stack.splice(stack.indexOf(path));
    if (group.length > 1) cycles.push(group.sort());
  };
  for (const path of graph.keys()) if (!indexes.has(path)) visit(path);
  return cycles;
}
