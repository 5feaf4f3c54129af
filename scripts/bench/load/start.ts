import { fork } from "node:child_process";
import { join } from "node:path";
import type { LoadJob, LoadResult } from "./job.ts";

const entry = join(import.meta.dirname, "process.ts");
/**
 * V8 collects garbage with as many threads as there are cores, and they would take the cores from the broker that is measured:
 * with one thread, and young objects in 64 MB, so that it seldom collects and little is left over, mosquitto's p99 in W5 fell
 * from 1.07 to 0.42 ms.
 */
const garbageCollection = [
  "--single-threaded-gc",
  "--min-semi-space-size=64",
  "--max-semi-space-size=64",
];
/** Beyond warm-up and measurement: connecting, draining, a machine that is busy. */
const graceMs = 60_000;

type Answer = { readonly result: LoadResult } | { readonly error: string };

/** Runs one measurement in a process of its own. */
export function measure(job: LoadJob): Promise<LoadResult> {
  const child = fork(entry, {
    execArgv: [...process.execArgv, ...garbageCollection],
    serialization: "advanced",
    stdio: "inherit",
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => {
        child.kill("SIGKILL");
        reject(new Error("the load generator did not end"));
      },
      job.warmupMs + job.seconds * 1000 + graceMs,
    );
    child.once("message", (answer: Answer) => {
      if ("result" in answer) resolve(answer.result);
      else reject(new Error(answer.error));
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`the load generator ended with exit code ${code} before it answered`));
    });
    child.send(job);
  });
}
