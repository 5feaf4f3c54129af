import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { createSecret, defaultSecretPath, loadSecret } from "../../config/secret.ts";
import { CliError } from "../cli-error.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

export interface SecretCommand {
  readonly dataRoot: string;
  /** `--file` or the environment; null: the data root's. */
  readonly file: string | null;
  readonly isShown: boolean;
  /** File to make; null: none. */
  readonly newFile: string | null;
}

/** Tells where the cluster secret is, with a fingerprint to compare between machines; never makes one by looking. */
export function showSecret(command: SecretCommand, terminal: Terminal): ExitCode {
  if (command.newFile !== null && !createSecret(command.newFile)) {
    throw new CliError(`--new: ${command.newFile} exists and is left alone`, exitCodes.notInSync);
  }
  const text = terminal.environment["FLOCKMQ_CLUSTER_SECRET"] || null;
  const isFromText = command.newFile === null && command.file === null && text !== null;
  const path = command.newFile ?? command.file ?? defaultSecretPath(command.dataRoot);
  if (!isFromText && statSync(path, { throwIfNoEntry: false }) === undefined) {
    throw new CliError(
      `no cluster secret at ${path}: the first node makes it, or --new FILE does`,
      exitCodes.notInSync,
    );
  }
  const { bytes, warnings } = loadSecret({
    text: isFromText ? text : null,
    file: isFromText ? null : path,
    dataRoot: command.dataRoot,
  });
  for (const warning of warnings) {
    terminal.err(`warning: ${warning}`);
  }
  if (command.isShown) {
    terminal.out(Buffer.from(bytes).toString("utf8"));
  } else {
    terminal.out(`path         ${isFromText ? "FLOCKMQ_CLUSTER_SECRET" : path}`);
    terminal.out(`fingerprint  ${fingerprint(bytes)}`);
  }
  return exitCodes.ok;
}

/** Enough to compare by eye; tells nothing about the secret. */
function fingerprint(secret: Uint8Array): string {
  const digest = createHash("sha256")
    .update("flockmq cluster secret\0")
    .update(secret)
    .digest("hex");
  return digest.slice(0, 32).replace(/(.{4})(?=.)/g, "$1-");
}
