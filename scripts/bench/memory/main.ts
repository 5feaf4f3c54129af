/** What connections, subscriptions, retained topics and sessions cost a node: `npm run bench:memory -- --help`. */
import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { machine } from "../machine.ts";
import { markdown } from "../table.ts";
import { type Counts, type Row, subjects } from "./subjects.ts";

const program = new Command("bench:memory")
  .description(
    "Bytes per idle connection, subscription, retained topic and offline session: differences of a node's own accounting after its garbage is collected, each on a new node; how long the event loop stands while a wildcard SUBSCRIBE is answered with all retained messages; and a storm of clients. Needs `npm run build` before, and `ulimit -n` above the connections.",
  )
  .option("--only <list>", `of ${Object.keys(subjects).join(", ")}`)
  .option("--connections <count>", "idle connections", "10000")
  .option("--subscriptions <count>", "of 20 clients", "100000")
  .option("--retained <count>", "topics with a retained message", "1000000")
  .option("--payload <bytes>", "of each of them", "100")
  .option("--sessions <count>", "offline, with one subscription each", "10000")
  .option("--storm <count>", "clients that connect at the same moment", "5000")
  .option("--json <file>", "write the result there")
  .parse();
const given = program.opts<Record<string, string>>();
const chosen = (given["only"] ?? Object.keys(subjects).join(",")).split(",");
const unknown = chosen.filter((name) => subjects[name] === undefined);
if (unknown.length > 0) program.error(`--only does not know ${unknown.join(", ")}`);
const count = (name: string): number => {
  const value = Number(given[name]);
  if (!Number.isInteger(value) || value < 1) {
    program.error(`--${name} takes a whole number above 0, not ${given[name]}`);
  }
  return value;
};
const counts: Counts = {
  connections: count("connections"),
  subscriptions: count("subscriptions"),
  retained: count("retained"),
  payload: count("payload"),
  sessions: count("sessions"),
  storm: count("storm"),
};

const rows: Row[] = [];
for (const name of chosen) rows.push(...(await subjects[name]!(counts)));
const headings = ["one", "measured with", "heap bytes", "resident bytes", "beside"];
const cells = rows.map(({ subject, count, heapBytes, residentBytes, notes }) => [
  subject,
  count.toLocaleString("en-US"),
  heapBytes?.toLocaleString("en-US") ?? "-",
  residentBytes?.toLocaleString("en-US") ?? "-",
  notes === "" ? "-" : notes,
]);
for (const line of markdown(headings, cells, 1)) console.log(line);
if (given["json"] !== undefined) {
  writeFileSync(
    given["json"],
    `${JSON.stringify({ machine: machine(), counts, rows }, null, 2)}\n`,
  );
}
process.exit();
