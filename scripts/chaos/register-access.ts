import mqtt, { type MqttClient } from "mqtt";
import { connected } from "./clients.ts";
import type { Endpoint } from "./flock.ts";

const readTimeoutMs = 8000;

/** One connection that is never made again by itself, so that each packet is sent at most once. */
export async function openClient(endpoint: Endpoint, timeoutMs: number): Promise<MqttClient> {
  const client = mqtt.connect({
    host: endpoint.host,
    port: endpoint.mqtt,
    protocolVersion: 5,
    reconnectPeriod: 0,
    connectTimeout: timeoutMs,
    keepalive: 60,
    queueQoSZero: false,
  });
  client.on("error", () => undefined);
  try {
    await connected(client, timeoutMs);
    return client;
  } catch (error) {
    client.end(true);
    throw error;
  }
}

/** Whether the write was acknowledged; if not, nobody knows what became of it. */
export function writeOnce(
  client: MqttClient,
  topic: string,
  value: string,
  isRetained: boolean,
  timeoutMs: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isAcknowledged: boolean): void => {
      clearTimeout(timer);
      client.off("close", onClose);
      resolve(isAcknowledged);
    };
    const onClose = (): void => settle(false);
    const timer = setTimeout(onClose, timeoutMs);
    client.once("close", onClose);
    if (!client.connected) return settle(false);
    client.publish(topic, value, { qos: 1, retain: isRetained }, (error) => settle(!error));
  });
}

/**
 * The retained message that a new subscriber gets, null when there is none, undefined when the node did not answer or counted
 * the read as one from its local copy. There is none when the node has answered a second SUBSCRIBE without sending it.
 */
export async function readRetained(
  endpoint: Endpoint,
  topic: string,
): Promise<string | null | undefined> {
  const staleBefore = await staleReads(endpoint);
  if (staleBefore === null) return undefined;
  const client = await openClient(endpoint, 3000).catch(() => null);
  if (client === null) return undefined;
  try {
    let value: string | null = null;
    let isLive = false;
    client.on("message", (_topic, payload, packet) => {
      if (packet.retain) value = payload.toString();
      else isLive = true;
    });
    await within(readTimeoutMs, client.subscribeAsync(topic, { qos: 0 }));
    if (value === null) {
      await within(readTimeoutMs, client.subscribeAsync("registers-end", { qos: 0 }));
    }
    // A live message may stand for the retained one, but says nothing about what was retained when it came.
    if (value === null && isLive) return undefined;
    return (await staleReads(endpoint)) === staleBefore ? value : undefined;
  } catch {
    return undefined;
  } finally {
    client.end(true);
  }
}

/** The value of `sensors/{device}/{attribute}`; null and undefined as above. */
export async function readDevice(
  endpoint: Endpoint,
  key: string,
  consistency: "local" | "linearizable",
): Promise<string | null | undefined> {
  const [, device = "", attribute = ""] = key.split("/");
  const url = `http://${endpoint.host}:${endpoint.http}/api/v1/devices/${device}?consistency=${consistency}`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(readTimeoutMs) });
    if (answer.status === 404) return null;
    if (!answer.ok) return undefined;
    const { attributes } = (await answer.json()) as {
      attributes: Record<string, { value: unknown } | undefined>;
    };
    const value = attributes[attribute]?.value;
    return value === undefined ? null : String(value);
  } catch {
    return undefined;
  }
}

/** How often this node answered a SUBSCRIBE from its local copy, and said so in its metrics; null when it does not answer. */
async function staleReads(endpoint: Endpoint): Promise<number | null> {
  try {
    const url = `http://${endpoint.host}:${endpoint.http}/metrics`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(readTimeoutMs) });
    const line = /^flockmq_stale_retained_reads_total(?:\{[^}]*\})? (\d+)/m.exec(
      await answer.text(),
    );
    return line === null ? null : Number(line[1]);
  } catch {
    return null;
  }
}

function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), timeoutMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
