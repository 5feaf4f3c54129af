/** One option, wherever it is given. The table in `options.ts` is the only place that names them. */
export interface OptionSpec<T> {
  /** Long flag without the dashes, and key in the configuration file. Null: not on the command line nor in a file. */
  readonly flag: string | null;
  /** Null: not in the environment. */
  readonly env: string | null;
  /** What stands behind the flag in `--help`; "[X]" may be left out, null takes no value. */
  readonly argument: string | null;
  readonly type: OptionType;
  readonly defaultValue: T;
  /** As the documentation words the default. */
  readonly defaultText: string;
  /** What 0 means; null when 0 is an ordinary value or not allowed. */
  readonly zero: string | null;
  readonly help: string;
  /** Why it exists, and why the default is what it is. */
  readonly reason: string;
  /** Value of a flag given without its argument. */
  readonly bareText?: string;
  readonly isRepeatable?: boolean;
  /** Another key in the configuration file, for which an item may be a mapping. */
  readonly fileKey?: string;
  /** An item of that mapping as it would be written on the command line; null when it is none. */
  readonly textOfItem?: (item: Readonly<Record<string, unknown>>) => string | null;
  /** Throws `Expectation`. Repeatable options get every occurrence, others the last one. */
  readonly parse: (texts: readonly string[]) => T;
}

export type OptionType =
  | "text"
  | "path"
  | "switch"
  | "choice"
  | "count"
  | "size"
  | "seconds"
  | "listen"
  | "addresses"
  | "pattern";

/** Keeps the value's type while the rest of the specification is checked. */
export function option<T>(spec: OptionSpec<T>): OptionSpec<T> {
  return spec;
}

/** A parser for options that count once: the last occurrence wins. */
export function single<T>(parse: (text: string) => T): (texts: readonly string[]) => T {
  return (texts) => parse(texts.at(-1) ?? "");
}

/** Where a value came from; only a default may move on when it is taken. */
export type OptionSource = "flag" | "environment" | "file" | "default";
