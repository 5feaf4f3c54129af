import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { LocalCluster } from "../support/local-cluster.ts";
import { suiteAccess } from "./access.ts";

const driver = join(import.meta.dirname, "paho.py");
/** One of the tests compares the Server Keep Alive with this. */
const nodeArgs = ["--keep-alive-max", "60s", "--log-level", "error"];

interface Outcome {
  readonly test: string;
  readonly isPassed: boolean;
}

/** Eclipse Paho's interoperability tests, from a checkout of eclipse/paho.mqtt.testing. True when all passed. */
export async function runPaho(directory: string): Promise<boolean> {
  const folder = join(directory, "interoperability");
  if (!existsSync(join(folder, "client_test5.py"))) {
    console.error(`${folder} has no client_test5.py: --paho wants a checkout of paho.mqtt.testing`);
    return false;
  }
  let isPassed = true;
  for (const [version, module] of [
    ["3.1.1", "client_test"],
    ["5.0", "client_test5"],
  ] as const) {
    const outcomes = await runModule(folder, module);
    const failed = outcomes.filter(({ isPassed }) => !isPassed);
    const passedCount = outcomes.length - failed.length;
    console.log(`Paho, MQTT ${version}: ${passedCount} of ${outcomes.length} tests passed`);
    for (const { test } of failed) {
      console.log(`  ${test}: FAILED`);
    }
    isPassed &&= outcomes.length > 0 && failed.length === 0;
  }
  return isPassed;
}

/** On a node of its own, since the tests expect to find no retained messages. */
async function runModule(folder: string, module: string): Promise<Outcome[]> {
  const cluster = await LocalCluster.start({
    nodes: 1,
    args: [...nodeArgs, ...(await suiteAccess())],
  });
  try {
    const port = cluster.nodeAt(0).ready?.mqtt ?? 0;
    const child = spawn("python3", ["-B", driver, module, "127.0.0.1", String(port)], {
      cwd: folder,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const outcomes: Outcome[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      const match = /^RESULT (\w+) (passed|failed)$/.exec(line);
      if (match !== null) outcomes.push({ test: match[1] ?? "", isPassed: match[2] === "passed" });
    }
    return outcomes;
  } finally {
    await cluster.stop();
  }
}
