import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { UsageError } from "../config/usage-error.ts";
import { clientsPerSecondMax } from "../drain-requests.ts";
import { version } from "../version.ts";
import { CliError } from "./cli-error.ts";
import { cancelDrain, drainNode } from "./commands/drain.ts";
import { showStopSafety, transferLeadership } from "./commands/leadership.ts";
import { listMembers, removeNode } from "./commands/members.ts";
import { showSecret } from "./commands/secret.ts";
import { compactLogs } from "./commands/snapshot.ts";
import { showStatus } from "./commands/status.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
import type { NodeLocation } from "./node-client.ts";
import { processTerminal, type Terminal } from "./terminal.ts";
import { addUserCommands } from "./user-program.ts";

interface LocationOptions {
  readonly url?: string;
  readonly dataRoot: string;
}

interface StatusOptions extends LocationOptions {
  readonly json?: true;
  readonly wait: number;
  readonly verify?: true;
}

interface DrainOptions extends LocationOptions {
  readonly rate: number;
  readonly cancel?: true;
  readonly json?: true;
}

interface SecretOptions {
  readonly dataRoot: string;
  readonly file?: string;
  readonly show?: true;
  readonly new?: string;
}

/** Runs one `cluster` command and answers its exit code; every failure is one line on stderr. */
export async function runProgram(
  argv: readonly string[],
  environment: Terminal["environment"],
  terminal: Terminal = processTerminal(environment),
): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.ok;
  const program = createProgram(terminal, async (run) => {
    exitCode = await run;
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.ok : fail(terminal, error.message, exitCodes.usage);
    }
    if (error instanceof CliError || error instanceof UsageError) {
      return fail(terminal, error.message, error.exitCode);
    }
    throw error;
  }
}

function createProgram(
  terminal: Terminal,
  finish: (run: ExitCode | Promise<ExitCode>) => Promise<void>,
): Command {
  const root = terminal.environment["FLOCKMQ_DATA_ROOT"] || "flockmq-data";
  const withRoot = (command: Command): Command =>
    command.option("--data-root <DIR>", "where nodes of this machine keep their data", root);
  const withLocation = (command: Command): Command =>
    withRoot(command).option(
      "--url <URL>",
      "HTTP address of any node (default: http://127.0.0.1:8080, then the data root's nodes)",
    );
  const json = (): Option => new Option("--json", "print JSON");
  const program = new Command("cluster")
    .description("Shows and changes a FlockMQ cluster.")
    .version(version, "--version", "print the version")
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text.trimEnd()), writeErr: () => {} });
  withLocation(program.command("status"))
    .description("show whether all nodes hold the same; exit 0 in sync, 1 not, 2 unreachable")
    .addOption(json())
    .option("--verify", "let every replica make its digest anew from its records on disk")
    .option("--wait <SECONDS>", "wait up to this long for the cluster to be in sync", parseWait, 0)
    .action((options: StatusOptions) =>
      finish(
        showStatus(
          {
            ...location(options, terminal),
            isJson: options.json ?? false,
            isVerifying: options.verify ?? false,
            waitSeconds: options.wait,
          },
          terminal,
        ),
      ),
    );
  withLocation(program.command("members"))
    .description("list the members")
    .addOption(json())
    .action((options: StatusOptions) =>
      finish(
        listMembers({ ...location(options, terminal), isJson: options.json ?? false }, terminal),
      ),
    );
  withLocation(program.command("remove"))
    .argument("<NODE>", "name or identifier")
    .description("remove a node for good")
    .action((nameOrId: string, options: LocationOptions) =>
      finish(removeNode({ ...location(options, terminal), nameOrId }, terminal)),
    );
  addUpkeep(program, withLocation, terminal, finish);
  addSecret(withRoot(program.command("secret")), terminal, finish);
  addUserCommands(program.command("user"), terminal, finish);
  return program;
}

function addUpkeep(
  program: Command,
  withLocation: (command: Command) => Command,
  terminal: Terminal,
  finish: (run: Promise<ExitCode>) => Promise<void>,
): void {
  withLocation(program.command("transfer"))
    .argument("[NODE]", "name or identifier of a voter; the best one when left out")
    .description("give leadership to another voter")
    .action((nameOrId: string | undefined, options: LocationOptions) =>
      finish(
        transferLeadership(
          { ...location(options, terminal), nameOrId: nameOrId ?? null },
          terminal,
        ),
      ),
    );
  withLocation(program.command("snapshot"))
    .argument("[NODE]", "name or identifier; all nodes when left out")
    .description("cut the log to what is applied; exit 1 when a node did not answer")
    .action((nameOrId: string | undefined, options: LocationOptions) =>
      finish(compactLogs({ ...location(options, terminal), nameOrId: nameOrId ?? null }, terminal)),
    );
  addDrain(withLocation(program.command("drain")), terminal, finish);
  withLocation(program.command("safe-to-stop"))
    .argument("<NODE...>", "names or identifiers of nodes to be stopped at the same time")
    .description("tell whether stopping the nodes would cost something; exit 0 safe, 1 not")
    .option("--json", "print JSON")
    .action((namesOrIds: readonly string[], options: StatusOptions) => {
      const isJson = options.json ?? false;
      const request = { ...location(options, terminal), namesOrIds, isJson };
      return finish(showStopSafety(request, terminal));
    });
}

function addDrain(
  command: Command,
  terminal: Terminal,
  finish: (run: Promise<ExitCode>) => Promise<void>,
): void {
  command
    .argument("<NODE>", "name or identifier")
    .description(
      "move a node's clients and its leadership to the others, until it is restarted; exit 0 when it is safe to stop then, else 1",
    )
    .option("--rate <CLIENTS_PER_SECOND>", "clients to move in a second", parseRate, 500)
    .option("--cancel", "let the node take clients again")
    .option("--json", "print JSON")
    .action((nameOrId: string, options: DrainOptions) => {
      const isJson = options.json ?? false;
      const request = { ...location(options, terminal), nameOrId, isJson };
      const run = options.cancel
        ? cancelDrain(request, terminal)
        : drainNode({ ...request, clientsPerSecond: options.rate }, terminal);
      return finish(run);
    });
}

function addSecret(
  command: Command,
  terminal: Terminal,
  finish: (run: ExitCode) => Promise<void>,
): void {
  const file = terminal.environment["FLOCKMQ_CLUSTER_SECRET_FILE"];
  command
    .description("tell where the cluster secret is, and its fingerprint")
    .option("--file <FILE>", "this secret file", file === "" ? undefined : file)
    .option("--show", "print the secret itself")
    .option("--new <FILE>", "make a new secret in a file that does not exist")
    .action((options: SecretOptions) =>
      finish(
        showSecret(
          {
            dataRoot: options.dataRoot,
            file: options.file ?? null,
            isShown: options.show ?? false,
            newFile: options.new ?? null,
          },
          terminal,
        ),
      ),
    );
}

/** A node beside this command may have been told its port by the same environment. */
function location(options: LocationOptions, terminal: Terminal): NodeLocation {
  const port = /(?:^|:)(\d{1,5})$/.exec(terminal.environment["FLOCKMQ_HTTP"] ?? "")?.[1] ?? "8080";
  const defaultUrl = `http://127.0.0.1:${port}`;
  return { url: options.url ?? null, defaultUrl, dataRoot: options.dataRoot };
}

function parseWait(text: string): number {
  const seconds = /^\d{1,6}(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(seconds)) {
    throw new InvalidArgumentError("expected a number of seconds");
  }
  return seconds;
}

function parseRate(text: string): number {
  const rate = /^\d{1,6}(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(rate >= 1 && rate <= clientsPerSecondMax)) {
    throw new InvalidArgumentError(`expected clients per second, from 1 to ${clientsPerSecondMax}`);
  }
  return rate;
}

function fail(terminal: Terminal, message: string, exitCode: ExitCode): ExitCode {
  const line = message
    .replace(/^error: /, "")
    .replace(/\s*\n\s*/g, " ")
    .trim();
  terminal.err(`cluster: ${line === "(outputHelp)" ? "expected a command; see --help" : line}`);
  return exitCode;
}
