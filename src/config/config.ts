import { resolve } from "node:path";
import { readConfigFile } from "./file.ts";
import { type GivenTexts, parseFlags } from "./flags.ts";
import type { OptionSource, OptionSpec } from "./option.ts";
import {
  type Config,
  type ConfigSources,
  nameOf,
  type OptionKey,
  optionList,
  options,
} from "./options.ts";
import { UsageError } from "./usage-error.ts";
import { Expectation, isLoopbackHost } from "./values.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface LoadedConfig {
  readonly config: Config;
  readonly sources: ConfigSources;
  /** What an operator should know and what does not stop the node. */
  readonly warnings: readonly string[];
}

export type LoadResult =
  | ({ readonly kind: "loaded" } & LoadedConfig)
  | { readonly kind: "print"; readonly text: string };

/**
 * Command line over environment over configuration file over defaults.
 * Throws {@link UsageError} that names the option and what it expects.
 */
export function loadConfig(
  argv: readonly string[],
  environment: Environment,
  version: string,
): LoadResult {
  const flags = parseFlags(argv, version);
  if (flags.kind === "print") {
    return flags;
  }
  const variables = textsOfEnvironment(environment);
  const path = flags.texts.get("config")?.at(-1) ?? variables.get("config")?.at(-1);
  const file: GivenTexts = path === undefined ? new Map() : readConfigFile(resolve(path));
  const { config, sources } = merge([
    ["flag", flags.texts],
    ["environment", variables],
    ["file", file],
  ]);
  checkTls(config, sources);
  checkExposure(config, sources);
  checkCombination(config, sources);
  return { kind: "loaded", config, sources, warnings: warningsOf(config, environment) };
}

function textsOfEnvironment(environment: Environment): GivenTexts {
  const texts = new Map<OptionKey, readonly string[]>();
  for (const [key, spec] of optionList) {
    const text = spec.env === null ? undefined : environment[spec.env];
    // An empty variable is how service files and compose files leave one out.
    if (text !== undefined && text !== "") {
      texts.set(key, spec.isRepeatable ? text.split(",").map((part) => part.trim()) : [text]);
    }
  }
  return texts;
}

function merge(
  layers: readonly (readonly [OptionSource, GivenTexts])[],
): Pick<LoadedConfig, "config" | "sources"> {
  const config: Record<string, unknown> = {};
  const sources: Record<string, OptionSource> = {};
  for (const [key, spec] of optionList) {
    const layer = layers.find(([, texts]) => texts.has(key));
    sources[key] = layer?.[0] ?? "default";
    config[key] =
      layer === undefined
        ? spec.defaultValue
        : parse(spec, nameOf(spec, layer[0]), layer[1].get(key) ?? []);
  }
  return { config: config as unknown as Config, sources: sources as unknown as ConfigSources };
}

function parse(spec: OptionSpec<unknown>, name: string, texts: readonly string[]): unknown {
  try {
    return spec.parse(texts);
  } catch (error) {
    if (!(error instanceof Expectation)) {
      throw error;
    }
    const given = texts.join(",").slice(0, 200);
    throw new UsageError(`${name}: expected ${error.message}, not ${JSON.stringify(given)}`);
  }
}

/** No client is let in beyond loopback without authentication, unless the operator says so. */
function checkExposure(config: Config, sources: ConfigSources): void {
  const hasUsers = config.usersFile !== null;
  const hasCertificates = config.tlsClientAuth === "require";
  for (const key of ["mqtt", "ws", "http", "mqtts", "wss"] as const) {
    const { host } = config[key];
    const isTls = key === "mqtts" || key === "wss";
    const isGuarded = hasUsers || (isTls && hasCertificates);
    if (config.allowAnonymous || isGuarded || isLoopbackHost(host)) continue;
    throw new UsageError(
      `${nameOf(options[key], sources[key])}: refusing to listen on ${host} without authentication; ` +
        "use a loopback host, name users with --users-file, or add --allow-anonymous to let anyone in who can reach it",
    );
  }
}

/** What TLS needs, and what is nothing without it. */
function checkTls(config: Config, sources: ConfigSources): void {
  if ((config.tlsCert === null) !== (config.tlsKey === null)) {
    const [missing, given] =
      config.tlsCert === null ? ["--tls-cert", "--tls-key"] : ["--tls-key", "--tls-cert"];
    throw new UsageError(`${missing}: expected beside ${given}`);
  }
  if (config.tlsClientAuth !== "off" && config.tlsCa === null) {
    throw new UsageError("--tls-ca: expected beside --tls-client-auth");
  }
  if (config.tlsCert !== null) return;
  for (const key of ["mqtts", "wss", "tlsCa", "tlsClientAuth", "httpTls"] as const) {
    if (sources[key] === "default") continue;
    throw new UsageError(`${nameOf(options[key], sources[key])}: expected --tls-cert beside it`);
  }
}

/** Two listeners that were given the same address by name. A default would move on. */
function checkCombination(config: Config, sources: ConfigSources): void {
  const asked = (["mqtt", "ws", "http", "peer", "mqtts", "wss"] as const).filter(
    (key) => sources[key] !== "default" && config[key].port !== 0,
  );
  for (const [i, first] of asked.entries()) {
    const { host, port } = config[first];
    const second = asked
      .slice(i + 1)
      .find((key) => config[key].port === port && config[key].host === host);
    if (second !== undefined) {
      throw new UsageError(
        `--${second}: port ${port} is also that of --${first}; expected another`,
      );
    }
  }
}

function warningsOf(config: Config, environment: Environment): readonly string[] {
  const known = new Set(optionList.map(([, spec]) => spec.env));
  const warnings = Object.keys(environment)
    .filter((name) => name.startsWith("FLOCKMQ_") && !known.has(name))
    .map((name) => `${name} is set and is no option of this version`);
  const isAlone = config.join === null && config.bootstrapExpect === 0;
  if (isAlone && config.joinCandidates.length > 0) {
    warnings.push("FLOCKMQ_JOIN is set without --join: this node forms a cluster of its own");
  }
  return warnings;
}
