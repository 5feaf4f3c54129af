import type { OptionSpec } from "./option.ts";
import { optionList } from "./options.ts";

const head = `# Options

Generated from the table in \`src/config/\` by \`node scripts/gen-options-doc.ts\`; a test compares the two.

A flag wins over the environment, the environment over the configuration file, the file over the default.
In the file (\`--config\`, YAML or JSON) an option is named as its flag without the dashes; unknown keys are errors.
Wrong options end the process with status 2 and one line that names the option; a port or data directory that was
asked for by name and is taken ends it with status 1. Defaults that are taken move on to the next free one.

Sizes take \`KiB\`, \`MiB\`, \`KB\`, \`MB\`; times take \`s\`, \`m\`, \`h\`, \`d\`, and are seconds without a unit.

| flag | environment | type | default | meaning of 0 |
|---|---|---|---|---|
`;

/** `docs/options.md`. */
export function optionsDocument(): string {
  const rows = optionList.map(([, spec]) => row(spec));
  const sections = optionList.map(([, spec]) => section(spec));
  return `${head}${rows.join("\n")}\n\n${sections.join("\n")}`;
}

function row(spec: OptionSpec<unknown>): string {
  const cells = [term(spec), code(spec.env), spec.type, spec.defaultText, spec.zero ?? ""];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function section(spec: OptionSpec<unknown>): string {
  const name = spec.flag === null ? spec.env : `--${spec.flag}`;
  const help = spec.help.charAt(0).toUpperCase() + spec.help.slice(1);
  return `## ${name}\n\n${help}. ${spec.reason}\n`;
}

function term(spec: OptionSpec<unknown>): string {
  if (spec.flag === null) {
    return "";
  }
  return code(spec.argument === null ? `--${spec.flag}` : `--${spec.flag} ${spec.argument}`);
}

function code(text: string | null): string {
  return text === null ? "" : `\`${text}\``;
}
