import { isatty } from "node:tty";
import { ClusterError, isWriteAfterClose } from "#cluster";
import { BrokerError } from "./broker/errors.ts";
import { type Environment, type LoadedConfig, loadConfig } from "./config/config.ts";
import { UsageError } from "./config/usage-error.ts";
import { RevivingNode } from "./reviving-node.ts";
import { createLog, type Logger } from "./telemetry/log.ts";
import { version } from "./version.ts";

/** What `BrokerNode.stop` gets; the rest is for what it does not bound itself. */
const stopMs = 4000;
/** SIGTERM to exit. */
const exitMs = 4800;
/** A terminal signals a whole process group, and a parent passes the same signal on: one, seen twice. */
const sameSignalMs = 300;

/** Runs a broker until a signal ends it. Every way out sets the exit code. */
export async function main(argv: readonly string[], environment: Environment): Promise<void> {
  const loaded = load(argv, environment);
  if (loaded === null) {
    return;
  }
  const log = createLog(loaded.config.logLevel);
  const die = (error: unknown): never => {
    log.fatal({ err: error }, "this node cannot go on");
    process.exit(1);
  };
  // State that a thrown error left half changed must not be served, nor written.
  const dieUnlessRace = (error: unknown): void => {
    // Thrown inside libp2p's own listeners when a peer vanishes in the middle of a write; nothing of ours is half changed.
    if (isWriteAfterClose(error))
      log.warn({ err: error }, "a peer vanished in the middle of a write");
    else die(error);
  };
  process.on("uncaughtException", dieUnlessRace);
  process.on("unhandledRejection", dieUnlessRace);
  // Whoever read the log is gone; the clients are not.
  process.stdout.on("error", () => {});
  try {
    const node = new RevivingNode(loaded, log, die);
    const stopping = handleSignals(node, log);
    const ready = await node.start();
    if (ready !== null && !stopping.aborted) {
      // Ports with TLS, if there are any, stand behind the others.
      const { node: name, nodeId, mqtt, ws, http, peer, ...tls } = ready;
      const { pid } = process;
      const line = { msg: "ready", node: name, nodeId, mqtt, ws, http, peer, pid, ...tls };
      process.stdout.write(`${JSON.stringify(line)}\n`);
    }
  } catch (error) {
    if (!(error instanceof ClusterError && error.code === "stopped")) {
      fail(error, log);
    }
  }
}

function load(argv: readonly string[], environment: Environment): LoadedConfig | null {
  try {
    const result = loadConfig(argv, environment, version);
    if (result.kind === "loaded") {
      return result;
    }
    process.stdout.write(result.text);
  } catch (error) {
    if (!(error instanceof UsageError)) {
      throw error;
    }
    process.stderr.write(`flockmq: ${error.message}\n`);
    process.exitCode = error.exitCode;
  }
  return null;
}

/** An operator's mistake is one line; anything unexpected is logged with its stack. */
function fail(error: unknown, log: Logger): never {
  const isExplained =
    error instanceof UsageError || error instanceof ClusterError || error instanceof BrokerError;
  if (isExplained) {
    process.stderr.write(`flockmq: ${error.message}\n`);
  } else {
    log.fatal({ err: error }, "this node could not start");
  }
  process.exit(error instanceof UsageError ? error.exitCode : 1);
}

/** The first SIGTERM or SIGINT stops the node in order, a second one at once. Answers what tells that it stops. */
function handleSignals(node: RevivingNode, log: Logger): AbortSignal {
  const stopping = new AbortController();
  let firstAtMs = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted) {
      if (performance.now() - firstAtMs > sameSignalMs) {
        process.exit(1);
      }
      return;
    }
    firstAtMs = performance.now();
    stopping.abort();
    log.info({ signal }, "stopping");
    setTimeout(() => {
      log.warn({}, "not everything stopped in time");
      process.exit(0);
    }, exitMs).unref();
    void node
      .stop(stopMs)
      .catch((error: unknown) => log.error({ err: error }, "could not stop in order"))
      .then(() => {
        log.info({}, "stopped");
        process.exit(0);
      });
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  process.on("SIGHUP", (signal) => {
    // A closed terminal ends what ran in it; for a service the signal means "reload".
    if (isatty(0)) {
      onSignal(signal);
      return;
    }
    void node.reload().then((isReloaded) => {
      if (!isReloaded) log.info({ signal }, "nothing to reload");
    });
  });
  return stopping.signal;
}
