/** Measures FlockMQ beside other brokers with a load generator of its own: `npm run bench -- --help`. */
import { writeFileSync } from "node:fs";
import { chart } from "./chart.ts";
import { readOptions } from "./command-line.ts";
import { startContest } from "./contenders.ts";
import { onInterrupt } from "./interrupt.ts";
import { machine } from "./machine.ts";
import { profileWorkloads } from "./profile.ts";
import { complaints, type Figures, shortfalls, summarize } from "./report.ts";
import { measureRounds, type Series } from "./rounds.ts";
import { resultTable } from "./table.ts";

const options = readOptions(process.argv.slice(2));
const log = (line: string): void => console.error(line);
const contest = await startContest(options, log);
onInterrupt(contest.stop);
try {
  const all = await measureRounds(options.workloads, contest.contenders, { ...options, log });
  report(all);
} finally {
  await contest.stop();
}
if (options.profile !== undefined) {
  const nodes = options.mode === "cluster" ? 3 : 1;
  await profileWorkloads({ ...options, directory: options.profile, nodes, log });
}
process.exit();

function report(all: readonly Series[]): void {
  const { reference } = contest;
  const figures = all.map((series) => {
    const other = all.find(
      ({ workload, contender }) => workload === series.workload && contender.name === reference,
    );
    return summarize(series, other);
  });
  for (const line of resultTable(figures, options.workloads, reference)) console.log(line);
  for (const line of [...shortfalls(figures), ...complaints(figures)]) console.log(line);
  for (const line of aims(figures)) console.log(line);
  const { seconds, rounds, mode } = options;
  const versions = Object.fromEntries(
    contest.contenders.map(({ broker }) => [broker.name, broker.version]),
  );
  const result = { mode, machine: machine(), versions, seconds, rounds, reference, figures };
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
  }
  if (options.svg !== undefined) {
    const { processor, cores, node } = result.machine;
    const caption = [
      `Medians of ${rounds} alternating rounds of ${seconds} s, ${new Date().toISOString().slice(0, 10)}: ${cores} cores of ${processor}, Node.js ${node.slice(1)}.`,
      "Broker and load generator share the machine; a ratio is the median of those within each round.",
    ];
    const drawn = chart(figures, options.workloads, { reference, versions, caption });
    writeFileSync(options.svg, drawn);
  }
  const ours = new Set(
    contest.contenders.filter(({ broker }) => broker.isOurs).map(({ name }) => name),
  );
  if (complaints(figures.filter(({ contender }) => ours.has(contender))).length > 0) {
    process.exitCode = 1;
  }
}

/** Which of FlockMQ's aims are reached; the exit code does not depend on it, since a busy machine may miss them. */
function aims(figures: readonly Figures[]): readonly string[] {
  if (options.mode !== "brokers") return [];
  const verdict = (isReached: boolean): string => (isReached ? "reached" : "missed");
  return figures.flatMap(
    ({ workload: name, contender, rateRatio, cpuRatio, isMet, deliveredMs }) => {
      const workload = options.workloads.find((one) => one.name === name);
      if (contender !== "flockmq" || workload?.number == null) return [];
      const lines: string[] = [];
      if (isMet !== null) {
        const isRate = workload.compared === "rate";
        const what = isRate ? "messages/s" : "CPU time per message";
        const aim = `${isRate ? "at least" : "at most"} ${workload.aim}`;
        const ratio = isRate ? rateRatio : cpuRatio;
        lines.push(
          `${workload.number}: ${ratio} x ${contest.reference} in ${what}, aim ${aim}: ${verdict(isMet)}`,
        );
      }
      const { p99AimMs } = workload;
      if (p99AimMs !== null && deliveredMs !== null) {
        const isReached = deliveredMs.p99 < p99AimMs;
        lines.push(
          `${workload.number}: p99 ${deliveredMs.p99} ms, aim below ${p99AimMs}: ${verdict(isReached)}`,
        );
      }
      return lines;
    },
  );
}
