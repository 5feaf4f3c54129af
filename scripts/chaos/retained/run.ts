import type { MqttClient } from "mqtt";
import { LocalCluster } from "../../support/local-cluster.ts";
import { connected, connectTo } from "../clients.ts";
import { percentile } from "../history.ts";
import { possibleLast, type RacingWrite } from "./race.ts";

const syncTimeoutMs = 90_000;
/** A retained message that has not come by then is missing. */
const readTimeoutMs = 10_000;
const topicsAtOnce = 8;
const races = 10;
const writersPerRace = 100;
const writesPerWriter = 3;

export interface RetainedResult {
  readonly nodes: number;
  readonly topics: number;
  /** From the PUBACK on one node to the message at a new subscriber on another. */
  readonly readP50Ms: number;
  readonly readMaxMs: number;
  readonly races: number;
  readonly writersPerRace: number;
  readonly violations: readonly string[];
  readonly sameDigestEverywhere: boolean;
}

/** What other clusters lose: a retained message read elsewhere right after its PUBACK, and the last value of many writers. */
export async function runRetained(
  { topics, nodes }: { readonly topics: number; readonly nodes: number },
  say: (text: string) => void,
): Promise<RetainedResult> {
  const cluster = await LocalCluster.start({ nodes });
  try {
    await cluster.whenInSync(syncTimeoutMs);
    const ports = cluster.nodes.map(({ ready }) => ready?.mqtt ?? 0);
    const read = await readElsewhere(ports, topics);
    const { missing, times } = read;
    const [readP50Ms, readMaxMs] = [
      Math.round(percentile(times, 0.5)),
      Math.round(Math.max(...times)),
    ];
    say(
      `${topics} topics retained on one node and read on another: ${missing.length} missing; p50 ${readP50Ms}, max ${readMaxMs} ms`,
    );
    const wrong: string[] = [];
    for (let at = 0; at < races; at++) wrong.push(...(await race(ports, `race/${at}`)));
    say(`${races} topics with ${writersPerRace} racing writers: ${wrong.length} wrong`);
    const status = await cluster.whenInSync(syncTimeoutMs);
    return {
      ...{ nodes, topics, readP50Ms, readMaxMs, races, writersPerRace },
      violations: [...missing, ...wrong],
      sameDigestEverywhere: new Set(status.nodes.map(({ digest }) => digest)).size === 1,
    };
  } finally {
    await cluster.stop();
  }
}

async function readElsewhere(
  ports: readonly number[],
  topics: number,
): Promise<{ readonly missing: string[]; readonly times: number[] }> {
  const publishers = await Promise.all(ports.map((port) => open(port)));
  const missing: string[] = [];
  const times: number[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < topics; at = next++) {
      const [from, to] = [at % ports.length, (at + 1) % ports.length];
      const [topic, value] = [`retained/${at}`, `value ${at}`];
      await publishers[from]!.publishAsync(topic, value, { qos: 1, retain: true });
      const startMs = performance.now();
      if ((await readAnew(ports[to]!, topic)) === value) times.push(performance.now() - startMs);
      else missing.push(`${topic}, written on node ${from + 1}, is missing on node ${to + 1}`);
    }
  };
  await Promise.all(Array.from({ length: topicsAtOnce }, work));
  await Promise.all(publishers.map((client) => client.endAsync(true)));
  return { missing, times };
}

/** All writers at once, spread over the nodes; right after the last PUBACK each node has the same value, and a possible one. */
async function race(ports: readonly number[], topic: string): Promise<string[]> {
  const clients = await Promise.all(
    Array.from({ length: writersPerRace }, (_, at) => open(ports[at % ports.length]!)),
  );
  const writes: RacingWrite[] = [];
  await Promise.all(
    clients.map(async (client, writer) => {
      for (let number = 0; number < writesPerWriter; number++) {
        const value = `${writer}/${number}`;
        const startMs = performance.now();
        await client.publishAsync(topic, value, { qos: 1, retain: true });
        writes.push({ value, startMs, acknowledgedMs: performance.now() });
      }
    }),
  );
  const values = await Promise.all(ports.map((port) => readAnew(port, topic)));
  await Promise.all(clients.map((client) => client.endAsync(true)));
  const possible = possibleLast(writes);
  return values.flatMap((value, at) => {
    const where = `${topic} on node ${at + 1}`;
    if (value === null || !possible.has(value)) return [`${where}: ${value} is not the last value`];
    return value === values[0] ? [] : [`${where}: ${value}, but ${values[0]} on node 1`];
  });
}

/** What a client that has never been there gets for its SUBSCRIBE; null when nothing came in time. */
async function readAnew(port: number, topic: string): Promise<string | null> {
  const client = await open(port);
  try {
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), readTimeoutMs);
      client.on("message", (_, payload) => {
        clearTimeout(timer);
        resolve(payload.toString());
      });
      client.subscribe(topic, { qos: 1 });
    });
  } finally {
    await client.endAsync(true);
  }
}

async function open(port: number): Promise<MqttClient> {
  const client = connectTo([port], 0, { keepalive: 60, connectTimeout: 20_000 });
  await connected(client, 60_000);
  return client;
}
