import { isMap, isPair, isScalar, LineCounter, parseDocument, type YAMLMap } from "yaml";
import { readBeginning } from "./bounded-file.ts";
import type { GivenTexts } from "./flags.ts";
import type { OptionSpec } from "./option.ts";
import { type OptionKey, optionList } from "./options.ts";
import { UsageError } from "./usage-error.ts";

const fileSizeBytesMax = 1_048_576;

const keys: ReadonlyMap<string, readonly [OptionKey, OptionSpec<unknown>]> = new Map(
  optionList.flatMap(([key, spec]) =>
    spec.flag === null || key === "config"
      ? []
      : [spec.flag, ...(spec.fileKey === undefined ? [] : [spec.fileKey])].map(
          (name): [string, readonly [OptionKey, OptionSpec<unknown>]] => [name, [key, spec]],
        ),
  ),
);

/** Reads a configuration file: one YAML (or JSON) mapping whose keys are the flags without their dashes. */
export function readConfigFile(path: string): GivenTexts {
  let bytes: Buffer;
  try {
    bytes = readBeginning(path, fileSizeBytesMax + 1);
  } catch (error) {
    throw new UsageError(`--config ${path}: cannot be read (${codeOf(error)})`);
  }
  if (bytes.length > fileSizeBytesMax) {
    throw new UsageError(`--config ${path}: expected a file of at most ${fileSizeBytesMax} bytes`);
  }
  return parseConfig(bytes.toString("utf8"), path);
}

export function parseConfig(text: string, path: string): GivenTexts {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const fail = (offset: number, message: string): never => {
    throw new UsageError(`${path}:${lines.linePos(offset).line}: ${message}`);
  };
  const [error] = document.errors;
  if (error !== undefined) {
    fail(error.pos[0], error.message.split("\n")[0] ?? "not YAML");
  }
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) {
    return new Map();
  }
  return isMap(root) ? textsOf(root, fail) : fail(0, "expected a mapping of options to values");
}

function textsOf(root: YAMLMap, fail: (offset: number, message: string) => never): GivenTexts {
  const texts = new Map<OptionKey, readonly string[]>();
  for (const pair of root.items) {
    if (!isPair(pair) || !isScalar(pair.key)) {
      fail(root.range?.[0] ?? 0, "expected option: value");
      continue;
    }
    const offset = pair.key.range?.[0] ?? 0;
    const name = String(pair.key.value);
    const [key, spec] = keys.get(name) ?? fail(offset, `unknown option "${name}"${suggest(name)}`);
    const value = plainValue(pair.value);
    const given = textsOfValue(value, spec);
    if (given === null) {
      fail(offset, `${name}: expected a single value${spec.isRepeatable ? " or a list" : ""}`);
    } else if (given.length > 0) {
      texts.set(key, [...(texts.get(key) ?? []), ...given]);
    }
  }
  return texts;
}

function plainValue(node: unknown): unknown {
  return node !== null && typeof node === "object" && "toJSON" in node
    ? (node as { toJSON(): unknown }).toJSON()
    : node;
}

/** As the same option would be written on the command line; empty when it is left out, null when it cannot be one. */
function textsOfValue(value: unknown, spec: OptionSpec<unknown>): readonly string[] | null {
  if (value === null || value === undefined) {
    return [];
  }
  if (Array.isArray(value)) {
    const texts = value.map((item) => textsOfValue(item, spec));
    return spec.isRepeatable && texts.every((item) => item?.length === 1)
      ? texts.flatMap((item) => item ?? [])
      : null;
  }
  if (typeof value === "boolean" && spec.type === "addresses") {
    return value ? [spec.bareText ?? ""] : [];
  }
  if (typeof value !== "object") return [String(value)];
  const text = spec.textOfItem?.(value as Readonly<Record<string, unknown>>) ?? null;
  return text === null ? null : [text];
}

/** Underscores and capitals are what people type from memory. */
function suggest(name: string): string {
  const likely = name
    .replace(/([a-z])([A-Z])/g, "$1-$2")
    .replaceAll("_", "-")
    .toLowerCase();
  return keys.has(likely) ? ` (did you mean "${likely}"?)` : "";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
