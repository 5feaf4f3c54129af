import { Command, CommanderError, Option } from "commander";
import type { OptionSpec } from "./option.ts";
import { type OptionKey, optionList } from "./options.ts";
import { UsageError } from "./usage-error.ts";

/** Texts by option, as one source gave them. */
export type GivenTexts = ReadonlyMap<OptionKey, readonly string[]>;

export type FlagsResult =
  | { readonly kind: "given"; readonly texts: GivenTexts }
  /** `--help` or `--version`: print and leave with status 0. */
  | { readonly kind: "print"; readonly text: string };

const intro = `An MQTT broker in which every node is an equal peer.

Every option but --config also works as a key in the configuration file, and as FLOCKMQ_... in the
environment (docs/options.md). A flag wins over the environment, that over the file, that over the default.`;

export function parseFlags(argv: readonly string[], version: string): FlagsResult {
  const texts = new Map<OptionKey, string[]>();
  const output: string[] = [];
  const command = createCommand(version, texts, (text) => output.push(text));
  try {
    command.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      throw error;
    }
    if (error.exitCode === 0) {
      return { kind: "print", text: output.join("") };
    }
    throw new UsageError(onOneLine(error.message));
  }
  return { kind: "given", texts };
}

function createCommand(
  version: string,
  texts: Map<OptionKey, string[]>,
  print: (text: string) => void,
): Command {
  const command = new Command("flockmq")
    .description(intro)
    .version(version, "--version", "print the version")
    .helpOption("--help", "print this")
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: () => {} });
  for (const [key, spec] of optionList) {
    if (spec.flag === null) {
      continue;
    }
    command.addOption(new Option(flagTerm(spec, "<", ">"), `${spec.help} (${spec.defaultText})`));
    // Null: given without its argument; undefined: it takes none.
    command.on(`option:${spec.flag}`, (text?: string | null) => {
      texts.set(key, [...(texts.get(key) ?? []), text ?? spec.bareText ?? ""]);
    });
  }
  return command.configureHelp({ optionTerm: (option) => option.flags.replace(/[<>]/g, "") });
}

/** Commander tells by angle brackets that an argument must be there; people need none. */
function flagTerm(spec: OptionSpec<unknown>, open: string, close: string): string {
  if (spec.argument === null) {
    return `--${spec.flag}`;
  }
  const isOptional = spec.bareText !== undefined;
  return `--${spec.flag} ${isOptional ? spec.argument : open + spec.argument + close}`;
}

function onOneLine(message: string): string {
  return message
    .replace(/^error: /, "")
    .replace(/\s*\n\s*/g, " ")
    .trim();
}
