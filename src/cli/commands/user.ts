import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { preparedPassword, saslprep } from "../../access/saslprep.ts";
import { deriveScramRecord, formatScramRecord } from "../../access/scram-record.ts";
import {
  parseUsersFile,
  type UsersFile,
  UsersFileError,
  userNameProblem,
} from "../../access/users-file.ts";
import { removeUser, setUserRecord } from "../../access/users-file-edit.ts";
import { CliError } from "../cli-error.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { formatTable } from "../table.ts";
import type { Terminal } from "../terminal.ts";

export interface UserCommand {
  readonly file: string | null;
  readonly name: string;
}

const saltSizeBytes = 16;

/** A new file says how it goes on. */
const head = `# Users of FlockMQ: docs/users-file.md. Nodes read it again by themselves.
# Without rules everybody here may use all topics. With rules, "default deny" or "default allow" is needed, too.
`;

/** Adds a user or gives it another password, which comes from stdin and never from the command line. */
export async function setUser(
  command: UserCommand & { readonly iterations: number },
  terminal: Terminal,
  ask: (name: string) => Promise<string>,
): Promise<ExitCode> {
  const path = pathOf(command);
  const name = saslprep(command.name) ?? command.name;
  const problem = userNameProblem(name);
  if (problem !== null) throw new CliError(`NAME: expected ${problem}`, exitCodes.usage);
  const text = existsSync(path) ? readText(path) : head;
  const isKnown = parse(path, text).users.has(name);
  const password = Buffer.from(await ask(name));
  if (password.length === 0) throw new CliError("expected a password on stdin", exitCodes.usage);
  const record = await deriveScramRecord(
    preparedPassword(password),
    randomBytes(saltSizeBytes),
    command.iterations,
  );
  write(path, setUserRecord(text, name, formatScramRecord(record)));
  terminal.out(`${isKnown ? "changed the password of" : "added"} ${name} in ${path}`);
  return exitCodes.ok;
}

/** Takes a user out, with the rules below it. */
export function dropUser(command: UserCommand, terminal: Terminal): ExitCode {
  const path = pathOf(command);
  const text = readText(path);
  const name = saslprep(command.name) ?? command.name;
  if (!parse(path, text).users.has(name)) {
    throw new CliError(`no user "${name}" in ${path}`, exitCodes.notInSync);
  }
  write(path, removeUser(text, name));
  terminal.out(`removed ${name} from ${path}`);
  return exitCodes.ok;
}

export function listUsers(command: Omit<UserCommand, "name">, terminal: Terminal): ExitCode {
  const path = pathOf(command);
  const { users } = parse(path, readText(path));
  const rows = [...users.values()].map(({ name, role, rules, record }) => [
    name,
    role,
    rules.length,
    record.iterations,
  ]);
  terminal.out(formatTable(["NAME", "API", "RULES", "ITERATIONS"], rows));
  return exitCodes.ok;
}

function pathOf({ file }: Pick<UserCommand, "file">): string {
  if (file !== null) return file;
  throw new CliError("expected --users-file FILE, or FLOCKMQ_USERS_FILE", exitCodes.usage);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CliError(`--users-file: cannot read ${path} (${codeOf(error)})`, exitCodes.notInSync);
  }
}

function parse(path: string, text: string): UsersFile {
  try {
    return parseUsersFile(text);
  } catch (error) {
    if (!(error instanceof UsersFileError)) throw error;
    throw new CliError(`--users-file ${path}:${error.line}: ${error.message}`, exitCodes.notInSync);
  }
}

/** As a whole, so that no node reads half of it; what was made wrong here is not written at all. */
function write(path: string, text: string): void {
  parse(path, text);
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0o600;
  const temporary = `${path}.${process.pid}`;
  try {
    writeFileSync(temporary, text, { mode: 0o600, flag: "wx" });
    chmodSync(temporary, mode & 0o777);
    renameSync(temporary, path);
  } catch (error) {
    throw new CliError(
      `--users-file: cannot write ${path} (${codeOf(error)})`,
      exitCodes.notInSync,
    );
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
