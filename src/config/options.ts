import { apiOptions } from "./api-options.ts";
import { joiningOptions } from "./joining-options.ts";
import { limitOptions } from "./limit-options.ts";
import type { OptionSource, OptionSpec } from "./option.ts";
import { processOptions } from "./process-options.ts";
import { tlsOptions } from "./tls-options.ts";

/**
 * Every option of the broker. Flags, environment, configuration file, `--help` and `docs/options.md` are made from this table.
 */
export const options = {
  ...joiningOptions,
  ...processOptions,
  ...tlsOptions,
  ...limitOptions,
  ...apiOptions,
};

export type OptionKey = keyof typeof options;

type ValueOf<T> = T extends OptionSpec<infer V> ? V : never;

export type Config = { readonly [K in OptionKey]: ValueOf<(typeof options)[K]> };

export type ConfigSources = { readonly [K in OptionKey]: OptionSource };

/** In the order in which they are documented. */
export const optionList: readonly (readonly [OptionKey, OptionSpec<unknown>])[] = Object.entries(
  options,
) as [OptionKey, OptionSpec<unknown>][];

/** How an error message calls an option that came from `source`. */
export function nameOf(spec: OptionSpec<unknown>, source: OptionSource): string {
  if (source === "environment" || spec.flag === null) {
    return spec.env ?? "";
  }
  return source === "file" ? spec.flag : `--${spec.flag}`;
}
