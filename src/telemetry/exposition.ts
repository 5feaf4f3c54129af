import type { Histogram } from "#cluster";

/** What a node measures; names as the code has them, `expose` gives them the form that Prometheus wants. */
export interface Measurements {
  readonly info: Readonly<Record<string, string>>;
  readonly gauges: Readonly<Record<string, number>>;
  /** Sums since the start, by camelCase name. */
  readonly counters: ReadonlyMap<string, number>;
  /** Of the cluster library: counters, and the gauges of {@link clusterGauges}. */
  readonly cluster: ReadonlyMap<string, number>;
  /** Already named. */
  readonly process: ReadonlyMap<string, number>;
  /** Already named. */
  readonly histograms?: ReadonlyMap<string, Histogram>;
}

interface Sample {
  readonly name: string;
  readonly value: number;
  readonly help: string;
}

/** The cluster library gives gauges and counters in one map; these are the gauges. */
const clusterGauges = new RegExp(
  `^(${[
    "raft_(term|(commit|applied|last)_index|is_leader|voters|learners)",
    "proposals_pending_bytes",
    "reads_waiting",
    "storage_(queued_changes|log_bytes)",
    "disk_(low|free_bytes)",
    "members_(up|suspect|down)",
    "links",
    "interest_(own_keys|known_nodes|routes)",
    "forward_(lanes|kept_(size_bytes|frames))",
    "replica_records",
  ].join("|")})$`,
);

/** Prometheus text format 0.0.4: one block per metric, sorted by name. */
export function expose(measurements: Measurements): string {
  const samples = new Map<string, Sample>();
  const add = (sample: Sample): void => {
    samples.set(sample.name, sample);
  };
  for (const [name, value] of Object.entries(measurements.gauges)) {
    add(sampleOf(name, value, "flockmq_", ""));
  }
  for (const [name, value] of measurements.counters) {
    add(sampleOf(name, value, "flockmq_", "_total"));
  }
  for (const [name, value] of measurements.cluster) {
    const suffix = clusterGauges.test(snakeCase(name)) ? "" : "_total";
    add(sampleOf(name, value, "flockmq_cluster_", suffix));
  }
  for (const [name, value] of measurements.process) {
    add({ name, value, help: inWords(name) });
  }
  const blocks = [...samples.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map(block);
  const histograms = [...(measurements.histograms ?? [])].map(histogramBlock);
  return `${infoBlock(measurements.info)}${blocks.join("")}${histograms.join("")}`;
}

function sampleOf(rawName: string, rawValue: number, prefix: string, suffix: string): Sample {
  const snake = snakeCase(rawName)
    .replace(/^flockmq_/, "")
    .replace(/_total$/, "");
  const stem = prefix === "flockmq_cluster_" ? snake.replace(/^cluster_/, "") : snake;
  const isMilliseconds = stem.endsWith("_ms");
  const name = isMilliseconds ? stem.replace(/_ms$/, "_seconds") : stem;
  return {
    name: `${prefix}${name}${suffix}`,
    value: isMilliseconds ? rawValue / 1000 : rawValue,
    help: inWords(`${name}${suffix}`),
  };
}

function snakeCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/[^A-Za-z0-9_]+/g, "_")
    .toLowerCase();
}

/** `docs/metrics.md` has the sentence; here the name in words is enough. */
function inWords(name: string): string {
  const isCounter = name.endsWith("_total");
  const words = name.replace(/_total$/, "").replaceAll("_", " ");
  return isCounter ? `Number of ${words} since the start.` : `Current ${words}.`;
}

function block({ name, value, help }: Sample): string {
  const type = name.endsWith("_total") ? "counter" : "gauge";
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${numberText(value)}\n`;
}

function histogramBlock([name, histogram]: readonly [string, Histogram]): string {
  const counts = histogram.cumulative();
  const buckets = [...histogram.bounds, Number.POSITIVE_INFINITY].map(
    (bound, at) => `${name}_bucket{le="${numberText(bound)}"} ${counts[at] ?? 0}\n`,
  );
  const sums = `${name}_sum ${numberText(histogram.sum)}\n${name}_count ${counts.at(-1) ?? 0}\n`;
  return `# HELP ${name} ${inWords(name)}\n# TYPE ${name} histogram\n${buckets.join("")}${sums}`;
}

function infoBlock(info: Readonly<Record<string, string>>): string {
  const labels = Object.entries(info).map(([label, value]) => `${label}="${escapeLabel(value)}"`);
  const name = "flockmq_build_info";
  return `# HELP ${name} Which node this is.\n# TYPE ${name} gauge\n${name}{${labels.join(",")}} 1\n`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (Number.isFinite(value)) {
    return String(value);
  }
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
