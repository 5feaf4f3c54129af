import { fork } from "node:child_process";
import { join } from "node:path";
import type { LoadJob, LoadResult } from "./job.ts";

const entry = join(import.meta.dirname, "process.ts");
/** Beyond warm-up and measurement: connecting, draining, a machine that is busy. */
const graceMs = 60_000;

type Answer = { readonly result: LoadResult } | { readonly error: string };

/** Runs one measurement in a process of its own. */
export function measure(job: LoadJob): Promise<LoadResult> {
  const child = fork(entry, { serialization: "advanced", stdio: "inherit" });
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
