import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { Task } from "./seed-queue.ts";
import type { Report } from "./tally.ts";

export interface WorkersOptions {
  readonly count: number;
  /** Simulated, of faults in each schedule. */
  readonly seconds: number;
  /** Null when no more is to be done. */
  readonly nextTask: () => Task | null;
  readonly onDone: (report: Report) => void;
  /** Its process ended, or had to be ended. */
  readonly onLost: (task: Task, reason: string) => void;
}

/** A schedule takes about a second, on a machine that does other work beside it hundreds of times that; in a broken one time may stand still. */
const scheduleTimeoutMs = 1_800_000;
const program = join(import.meta.dirname, "worker.ts");

/** Runs tasks in processes of their own until there are none left; a worker that is lost is replaced. */
export async function runWorkers(options: WorkersOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.count }, () => runLane(options)));
}

async function runLane({ seconds, nextTask, onDone, onLost }: WorkersOptions): Promise<void> {
  let worker: ChildProcess | null = null;
  for (let task = nextTask(); task !== null; task = nextTask()) {
    worker ??= fork(program, [String(seconds)]);
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
      clearTimeout(timer);
      worker.removeAllListeners();
      resolve(answer);
    };
    const timer = setTimeout(() => {
      settle(`liveness: the schedule did not end within ${scheduleTimeoutMs / 1000} s`);
      worker.kill("SIGKILL");
    }, scheduleTimeoutMs);
    worker.on("message", (report) => settle(report as Report));
    worker.on("error", (error) => settle(`the simulator failed: ${error.message}`));
    worker.on("exit", (code, signal) => settle(`the simulator ended with ${signal ?? code}`));
    worker.send(task);
  });
}
