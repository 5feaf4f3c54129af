/** The generator as a process of its own: one job comes in, one result or error goes out. */
import type { LoadJob } from "./job.ts";
import { letHelpersYield, setNiceness } from "./niceness.ts";
import { LoadRun } from "./run.ts";

process.once("message", (job: LoadJob) => {
  // Without a rate the compilers would get no time at all.
  if (job.rate > 0) letHelpersYield();
  if (job.niceness > 0) setNiceness(job.niceness);
  new LoadRun(job).run().then(
    (result) => process.send?.({ result }, () => process.exit(0)),
    (error: unknown) => process.send?.({ error: String(error) }, () => process.exit(1)),
  );
});
