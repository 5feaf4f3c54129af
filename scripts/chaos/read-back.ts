import type { LocalCluster } from "../support/local-cluster.ts";
import { connected, connectTo } from "./clients.ts";
import type { History } from "./history.ts";

const timeoutMs = 30_000;

/** Reads the final value of every key from every node, retained messages by MQTT and device state by HTTP. */
export async function readBack(cluster: LocalCluster, history: History): Promise<void> {
  for (const [index, node] of cluster.nodes.entries()) {
    const { ready } = node;
    if (ready === null) throw new Error(`node ${index} is not running`);
    const name = `n${index + 1}`;
    const retained = history.keys().filter((key) => key.startsWith("chaos/"));
    const values = await readRetained(ready.mqtt, retained);
    for (const key of retained) history.readBack(name, key, values.get(key) ?? 0);
    const devices = new Map<string, Readonly<Record<string, number>>>();
    for (const key of history.keys().filter((other) => other.startsWith("sensors/"))) {
      const [, device = "", attribute = ""] = key.split("/");
      const attributes = devices.get(device) ?? (await readDevice(ready.http, device));
      devices.set(device, attributes);
      history.readBack(name, key, attributes[attribute] ?? 0);
    }
  }
}

async function readRetained(
  port: number,
  topics: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const client = connectTo([port], 0);
  await connected(client, timeoutMs);
  const values = new Map<string, number>();
  const wanted = new Set(topics);
  const complete = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    client.on("message", (topic, payload) => {
      values.set(topic, Number(payload.toString()));
      wanted.delete(topic);
      if (wanted.size > 0) return;
      clearTimeout(timer);
      resolve();
    });
  });
  await client.subscribeAsync("chaos/#", { qos: 1 });
  if (wanted.size > 0) await complete;
  await client.endAsync(true);
  return values;
}

async function readDevice(port: number, id: string): Promise<Record<string, number>> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/devices/${id}`, {
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (answer.status === 404) return {};
  const { attributes } = (await answer.json()) as {
    attributes: Record<string, { value: unknown }>;
  };
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { value }]) => [name, Number(value)]),
  );
}
