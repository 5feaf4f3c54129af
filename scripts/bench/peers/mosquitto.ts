import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Broker, peer } from "../brokers.ts";
import { endProcess, freePort, printedBy, startServer, whenListening } from "../processes.ts";

/** Debian's mosquitto, in memory, without limits that would drop messages of the load; null when it is not installed. */
export async function startMosquitto(): Promise<Broker | null> {
  const help = printedBy("mosquitto", "-h");
  if (help === null) return null;
  const directory = await mkdtemp(join(tmpdir(), "flockmq-bench-"));
  const port = await freePort();
  const configuration = [
    `listener ${port} 127.0.0.1`,
    "allow_anonymous true",
    "persistence false",
    "set_tcp_nodelay true",
    "max_queued_messages 0",
    "log_type error",
  ];
  const file = join(directory, "mosquitto.conf");
  await writeFile(file, `${configuration.join("\n")}\n`);
  const child = startServer("mosquitto", ["-c", file]);
  const stop = async (): Promise<void> => {
    await endProcess(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await whenListening(port);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ...peer,
    name: "mosquitto",
    version: /mosquitto version (\S+)/.exec(help)?.[1] ?? "unknown",
    pids: [child.pid ?? 0],
    ports: [port],
    subscribePort: port,
    qosMax: 2,
    stop,
  };
}
