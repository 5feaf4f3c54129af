import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { Task } from "./seed-queue.ts";
import type { Report } from "./tally.ts";

export interface WorkersOptions {
  readonly count: number;
  /** Simulated, of faults in each schedule. */
  readonly seconds: number;
  /** Processor time that a schedule may take. */
  readonly cpuMaxMs?: number;
  /** Null when no more is to be done. */
  readonly nextTask: () => Task | null;
  readonly onDone: (report: Report) => void;
  /** Its process ended, or had to be ended. */
  readonly onLost: (task: Task, reason: string) => void;
}

/** A schedule takes about a second, some take ten; in a broken one time may stand still. On a busy machine the wall clock says nothing. */
const cpuOfScheduleMaxMs = 300_000;
const execArgv = ["--conditions=flockmq-source"];
const program = join(import.meta.dirname, "worker.ts");

/** Runs tasks in processes of their own until there are none left; a worker that is lost is replaced. */
export async function runWorkers(options: WorkersOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.count }, () => runLane(options)));
}

async function runLane(options: WorkersOptions): Promise<void> {
  const { seconds, cpuMaxMs = cpuOfScheduleMaxMs, nextTask, onDone, onLost } = options;
  let worker: ChildProcess | null = null;
  for (let task = nextTask(); task !== null; task = nextTask()) {
    worker ??= fork(program, [String(seconds), String(cpuMaxMs)], { execArgv });
    const answer = await ask(worker, task);
    if (typeof answer !== "string") onDone(answer);
    else {
      worker = null;
      onLost(task, answer);
    }
  }
  worker?.disconnect();
}

/** The report, or why there is none. */
function ask(worker: ChildProcess, task: Task): Promise<Report | string> {
  return new Promise((resolve) => {
    const settle = (answer: Report | string): void => {
      worker.removeAllListeners();
      resolve(answer);
    };
    worker.on("message", (report) => settle(report as Report));
    worker.on("error", (error) => settle(`the simulator failed: ${error.message}`));
    worker.on("exit", (code, signal) => settle(reasonOf(code, signal)));
    worker.send(task);
  });
}

function reasonOf(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === "SIGVTALRM") return "liveness: the schedule used up its processor time";
  if (code === 0) return "liveness: nothing was left to happen, and the schedule had not ended";
  return `the simulator ended with ${signal ?? code}`;
}
