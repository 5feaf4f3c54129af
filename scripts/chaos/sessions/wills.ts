import { connect, type IClientOptions, type MqttClient } from "mqtt";
import { connected } from "../clients.ts";
import { type Endpoint, Flock, type Place, pause } from "../flock.ts";
import { percentile } from "../history.ts";

const syncTimeoutMs = 90_000;
/** Twice the failure timeout (5 s) that P7 allows. */
const boundMs = 10_000;
/** Wills that come once more must have come by then. */
const quietMs = 3000;
const connectsAtOnce = 50;

export interface WillsRound {
  readonly killed: string;
  readonly wasLeader: boolean;
  /** From the kill on, over all Wills and watchers. */
  readonly p50Ms: number;
  readonly maxMs: number;
  readonly missing: number;
  readonly twice: number;
  readonly late: number;
}

export interface WillsResult {
  readonly nodes: number;
  readonly clients: number;
  readonly rounds: readonly WillsRound[];
  readonly violations: readonly string[];
  readonly sameDigestEverywhere: boolean;
}

/** A node dies with many clients on it, first the leader, then another: who watches, and how long each Will took. */
export async function runWills(
  clients: number,
  nodes: number,
  say: (text: string) => void,
): Promise<WillsResult> {
  const flock = await Flock.start({ nodes, network: null, recorder: null, hasSmallDisk: false });
  const end = (): void => void flock.stop().finally(() => process.exit(130));
  process.once("SIGINT", end).once("SIGTERM", end);
  const rounds: WillsRound[] = [];
  try {
    for (const wasLeader of [true, false]) {
      await flock.whenInSync(syncTimeoutMs);
      const leader = await flock.leader(10_000);
      const victim = wasLeader ? leader : flock.places.find((place) => place !== leader);
      const round = await killUnder(flock, victim as Place, wasLeader, clients);
      const { killed, p50Ms, maxMs, missing, twice } = round;
      const role = wasLeader ? "the leader" : "no leader";
      say(
        `kill -9 of ${killed}, ${role}, under ${clients} clients: Wills after p50 ${p50Ms}, max ${maxMs} ms; ${missing} missing, ${twice} twice`,
      );
      rounds.push(round);
    }
    const status = await flock.whenInSync(syncTimeoutMs);
    const sameDigestEverywhere = new Set(status.nodes.map(({ digest }) => digest)).size === 1;
    return {
      nodes,
      clients,
      rounds,
      violations: rounds.flatMap(violationsOf),
      sameDigestEverywhere,
    };
  } finally {
    await flock.stop();
  }
}

function violationsOf({ killed, missing, twice, late }: WillsRound): string[] {
  const counts = { [`not seen`]: missing, [`seen more than once`]: twice, [`late`]: late };
  return Object.entries(counts).flatMap(([what, count]) =>
    count > 0 ? [`${killed}: ${count} Wills were ${what}`] : [],
  );
}

/** A stored session and one that ends with its connection, on two of the nodes that live on. */
async function killUnder(
  flock: Flock,
  victim: Place,
  wasLeader: boolean,
  count: number,
): Promise<WillsRound> {
  const name = victim.name;
  const survivors = flock.endpoints().filter((endpoint) => endpoint.name !== name);
  const watchers = await Promise.all([
    Watcher.start(survivors[0] as Endpoint, `will-watcher-${name}`, true),
    Watcher.start(survivors[1] as Endpoint, `will-watcher-clean-${name}`, false),
  ]);
  const endpoint = flock.endpoints().find((one) => one.name === name) as Endpoint;
  const topics = Array.from({ length: count }, (_, i) => `wills/${name}/${i}`);
  const clients = await connectAll(endpoint, topics);
  const startMs = performance.now();
  await flock.kill([victim]);
  const isComplete = () => watchers.every((watcher) => topics.every((topic) => watcher.has(topic)));
  while (!isComplete() && performance.now() < startMs + 2 * boundMs) await pause(50);
  // When the node comes back, it must not publish them again either.
  await flock.restart(victim);
  await flock.whenInSync(syncTimeoutMs);
  await pause(quietMs);
  for (const client of clients) client.end(true);
  await Promise.all(watchers.map((watcher) => watcher.stop()));
  const seen = watchers.flatMap((watcher) => topics.map((topic) => watcher.timesOf(topic)));
  const times = seen.flatMap(([first]) => (first === undefined ? [] : [first - startMs]));
  return {
    ...{ killed: name, wasLeader },
    p50Ms: Math.round(percentile(times, 0.5)),
    maxMs: Math.round(Math.max(...times)),
    missing: seen.filter((all) => all.length === 0).length,
    twice: seen.filter((all) => all.length > 1).length,
    late: times.filter((ms) => ms > boundMs).length,
  };
}

async function connectAll(endpoint: Endpoint, topics: readonly string[]): Promise<MqttClient[]> {
  const clients: MqttClient[] = [];
  for (let start = 0; start < topics.length; start += connectsAtOnce) {
    const some = topics.slice(start, start + connectsAtOnce).map((topic, i) => {
      // Every second one has a session that outlives it.
      const properties = { sessionExpiryInterval: (start + i) % 2 === 0 ? 0 : 600 };
      const clientId = topic.replaceAll("/", "-");
      const will = { topic, payload: Buffer.from("gone"), qos: 1 as const, retain: false };
      return open(endpoint, { clientId, clean: (start + i) % 2 === 0, properties, will });
    });
    clients.push(...(await Promise.all(some)));
  }
  return clients;
}

async function open({ host, mqtt }: Endpoint, options: IClientOptions): Promise<MqttClient> {
  const common = {
    host,
    port: mqtt,
    protocolVersion: 5 as const,
    reconnectPeriod: 0,
    keepalive: 60,
  };
  const client = connect({ ...common, ...options });
  client.on("error", () => undefined);
  await connected(client, 30_000);
  return client;
}

class Watcher {
  readonly #client: MqttClient;
  readonly #times = new Map<string, number[]>();

  private constructor(client: MqttClient) {
    this.#client = client;
    client.on("message", (topic) => {
      const times = this.#times.get(topic) ?? [];
      this.#times.set(topic, times);
      times.push(performance.now());
    });
  }

  static async start(endpoint: Endpoint, clientId: string, isStored: boolean): Promise<Watcher> {
    const properties = { sessionExpiryInterval: isStored ? 600 : 0 };
    const client = await open(endpoint, { clientId, clean: !isStored, properties });
    const watcher = new Watcher(client);
    await client.subscribeAsync("wills/#", { qos: isStored ? 2 : 1 });
    return watcher;
  }

  has(topic: string): boolean {
    return this.#times.has(topic);
  }

  timesOf(topic: string): readonly number[] {
    return this.#times.get(topic) ?? [];
  }

  async stop(): Promise<void> {
    await this.#client.endAsync(true);
  }
}
