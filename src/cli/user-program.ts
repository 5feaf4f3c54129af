import { type Command, InvalidArgumentError } from "commander";
import { accessLimits } from "../access/limits.ts";
import { dropUser, listUsers, setUser } from "./commands/user.ts";
import type { ExitCode } from "./exit-codes.ts";
import { readPassword } from "./password-prompt.ts";
import type { Terminal } from "./terminal.ts";

interface UserOptions {
  readonly usersFile?: string;
}

/** 12 ms of one core for each check that is not remembered; what RFC 7677 calls the rule of thumb. */
const iterationsDefault = 15_000;

/** `cluster user add|remove|list`: the users file, without a node. */
export function addUserCommands(
  program: Command,
  terminal: Terminal,
  finish: (run: ExitCode | Promise<ExitCode>) => Promise<void>,
): void {
  program.description("change the users file of the nodes (docs/users-file.md)");
  const variable = terminal.environment["FLOCKMQ_USERS_FILE"];
  const withFile = (command: Command): Command =>
    command.option(
      "--users-file <FILE>",
      "this users file",
      variable === "" ? undefined : variable,
    );
  const fileOf = ({ usersFile }: UserOptions): string | null => usersFile ?? null;
  withFile(program.command("add"))
    .argument("<NAME>", "user name, as clients say it")
    .description("add a user or change a password, which is read from stdin")
    .option("--iterations <N>", "work of one check", parseIterations, iterationsDefault)
    .action((name: string, options: UserOptions & { readonly iterations: number }) =>
      finish(
        setUser(
          { file: fileOf(options), name, iterations: options.iterations },
          terminal,
          readPassword,
        ),
      ),
    );
  withFile(program.command("remove"))
    .argument("<NAME>", "user name")
    .description("remove a user and the lines that belong to it")
    .action((name: string, options: UserOptions) =>
      finish(dropUser({ file: fileOf(options), name }, terminal)),
    );
  withFile(program.command("list"))
    .description("list the users")
    .action((options: UserOptions) => finish(listUsers({ file: fileOf(options) }, terminal)));
}

function parseIterations(text: string): number {
  const { iterationsMin, iterationsMax } = accessLimits;
  const iterations = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(iterations >= iterationsMin && iterations <= iterationsMax)) {
    throw new InvalidArgumentError(`expected ${iterationsMin} to ${iterationsMax}`);
  }
  return iterations;
}
