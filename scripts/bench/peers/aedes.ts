import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Broker, peer } from "../brokers.ts";
import { endProcess } from "../processes.ts";

/** The MQTT broker of npm, in a process of its own, with its state in memory as it comes. */
export async function startAedes(): Promise<Broker> {
  const child = fork(join(import.meta.dirname, "aedes-process.ts"), { stdio: "inherit" });
  const [answer] = (await once(child, "message")) as [{ readonly port: number }];
  return {
    ...peer,
    name: "aedes",
    version: installedVersion(),
    pids: [child.pid ?? 0],
    ports: [answer.port],
    subscribePort: answer.port,
    qosMax: 2,
    stop: () => endProcess(child),
  };
}

function installedVersion(): string {
  const entry = createRequire(import.meta.url).resolve("aedes");
  const manifest = readFileSync(join(dirname(entry), "package.json"), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
