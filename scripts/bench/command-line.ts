import { Command } from "commander";
import {
  chooseWorkloads,
  furtherWorkloads,
  type Workload,
  withRate,
  withWindow,
  workloads,
} from "./workloads.ts";

export interface BenchOptions {
  readonly workloads: readonly Workload[];
  readonly brokers: readonly string[];
  readonly targets: readonly { readonly address: string; readonly pid: number | undefined }[];
  readonly mode: "brokers" | "variants" | "cluster" | "shared-port";
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupMs: number;
  readonly json: string | undefined;
  readonly svg: string | undefined;
  readonly profile: string | undefined;
}

const knownBrokers = ["flockmq", "mosquitto", "nats-server", "aedes"];
/** What a variant or a second node changes shows in these. */
const variantWorkloads = "W1,W2,W3";
const clusterWorkloads = "W2,W3";
const sharedPortWorkloads = "W1,W2,W3,W5,retained";

/** Ends the process with a message that names the option when one cannot be used. */
export function readOptions(argv: readonly string[]): BenchOptions {
  const names = [...workloads, ...furtherWorkloads].map(({ name, number }) =>
    number === null ? name : `${number} ${name}`,
  );
  const program = new Command("bench")
    .description(
      "Messages per second, CPU time per message and latency of FlockMQ and every other broker of this machine, in alternating rounds; medians. Every message is checked: lost, duplicate, out of order, damaged. Exit 1 when FlockMQ did not deliver exactly what was sent. Needs `npm run build` before.",
    )
    .option("--only <list>", `numbers or parts of names: ${names.join(", ")}`)
    .option("--all", "also the workloads without a number")
    .option("--brokers <list>", `of ${knownBrokers.join(", ")}`, knownBrokers.join(","))
    .option("--target <address>", "[NAME=]HOST:PORT of one more broker; repeatable", collect, [])
    .option("--pid <pid>", "its process, for its CPU time; as many as targets", collect, [])
    .option(
      "--variants",
      "what MQTT 5, properties, other filters and overlapping ones cost FlockMQ",
    )
    .option("--cluster", "two and three nodes beside three nats-servers, from node to node")
    .option("--rounds <count>", "runs of each workload on each broker", "5")
    .option("--seconds <count>", "measured in each run", "4")
    .option("--warmup <seconds>", "before, in each run", "1.5")
    .option(
      "--window <count>",
      "messages of each publisher under way at QoS 1 and 2, in all workloads",
    )
    .option(
      "--rate <count>",
      "messages a second of all publishers together, in all workloads: latency at this rate",
    )
    .option("--shared-port", "one node beside two behind one port: what another core is worth")
    .option("--json <file>", "write the result there")
    .option("--svg <file>", "draw it there")
    .option(
      "--profile <directory>",
      "one more run of each workload on one node, its CPU profile there",
    )
    .option("--quick", "one round of 0.5 s: a check that it works, not a measurement")
    .parse([...argv], { from: "user" });
  const given = program.opts<Record<string, string> & { target: string[]; pid: string[] }>();
  const positive = (flag: string, text: string): number => {
    if (!(Number(text) > 0)) program.error(`${flag} takes a number above 0, not ${text}`);
    return Number(text);
  };
  const mode = modeOf(given);
  const brokers = given["brokers"]!.split(",").map((name) => name.trim());
  const unknown = brokers.filter((name) => name !== "" && !knownBrokers.includes(name));
  if (unknown.length > 0) program.error(`--brokers does not know ${unknown.join(", ")}`);
  if (given.pid.length > given.target.length) program.error("--pid stands beside its --target");
  const only = {
    brokers: undefined,
    variants: variantWorkloads,
    cluster: clusterWorkloads,
    "shared-port": sharedPortWorkloads,
  }[mode];
  const optional = (name: string): number | null =>
    given[name] === undefined ? null : positive(`--${name}`, given[name]);
  const isQuick = given["quick"] !== undefined;
  try {
    return {
      workloads: withRate(
        withWindow(
          chooseWorkloads(given["only"] ?? only, given["all"] !== undefined),
          optional("window"),
        ),
        optional("rate"),
      ),
      brokers,
      targets: given.target.map((address, at) => ({
        address,
        pid: given.pid[at] === undefined ? undefined : positive("--pid", given.pid[at]),
      })),
      mode,
      rounds: isQuick ? 1 : positive("--rounds", given["rounds"]!),
      seconds: isQuick ? 0.5 : positive("--seconds", given["seconds"]!),
      warmupMs: isQuick ? 300 : positive("--warmup", given["warmup"]!) * 1000,
      json: given["json"],
      svg: given["svg"],
      profile: given["profile"],
    };
  } catch (error) {
    return program.error((error as Error).message);
  }
}

function modeOf(given: Readonly<Record<string, unknown>>): BenchOptions["mode"] {
  if (given["variants"]) return "variants";
  if (given["cluster"]) return "cluster";
  return given["sharedPort"] ? "shared-port" : "brokers";
}

function collect(value: string, all: string[]): string[] {
  return [...all, value];
}
