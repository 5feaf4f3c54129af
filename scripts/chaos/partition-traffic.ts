import type { MqttClient } from "mqtt";
import { connected } from "./clients.ts";
import { type NamespaceCluster, until } from "./namespace-cluster.ts";

const intervalMs = 50;
const inflightMax = 50;
const keys = 20;
const connectTimeoutMs = 10_000;

/** Writes retained QoS 1 messages through one node, round its keys, and knows which were acknowledged when. */
export class RetainedWriter {
  readonly index: number;
  /** Per topic the newest acknowledged value. */
  readonly acknowledged = new Map<string, number>();
  readonly #client: MqttClient;
  readonly #prefix: string;
  readonly #acks: { readonly sentMs: number; readonly ackedMs: number }[] = [];
  #timer: NodeJS.Timeout | null = null;
  #inflight = 0;
  #value = 0;

  private constructor(index: number, client: MqttClient, prefix: string) {
    this.index = index;
    this.#client = client;
    this.#prefix = prefix;
  }

  static async start(
    cluster: NamespaceCluster,
    index: number,
    prefix: string,
  ): Promise<RetainedWriter> {
    const client = cluster.client(index, { clientId: `${prefix}-writer-${index}` });
    await connected(client, connectTimeoutMs);
    const writer = new RetainedWriter(index, client, `${prefix}/w${index}`);
    writer.#timer = setInterval(() => writer.#write(), intervalMs);
    await until(connectTimeoutMs, "no write was acknowledged", () => writer.#acks.length > 0);
    return writer;
  }

  /** From `atMs` until the first acknowledgement of a write that was sent after it. */
  outageMs(atMs: number): number {
    const later = this.#acks.filter(({ sentMs }) => sentMs >= atMs);
    return Math.min(...later.map(({ ackedMs }) => ackedMs)) - atMs;
  }

  /** Sends no more and waits for what is under way; answers how many stayed unacknowledged. */
  async stop(timeoutMs: number): Promise<number> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await until(timeoutMs, "", () => this.#inflight === 0).catch(() => undefined);
    await this.#client.endAsync(true);
    return this.#inflight;
  }

  #write(): void {
    if (!this.#client.connected || this.#inflight >= inflightMax) return;
    this.#inflight += 1;
    const value = this.#value++;
    const topic = `${this.#prefix}/${value % keys}`;
    const sentMs = performance.now();
    this.#client.publish(topic, String(value), { qos: 1, retain: true }, (error) => {
      if (error) return;
      this.#inflight -= 1;
      this.#acks.push({ sentMs, ackedMs: performance.now() });
      this.acknowledged.set(topic, Math.max(value, this.acknowledged.get(topic) ?? 0));
    });
  }
}

/** QoS 0 from a client of one node to a client of another. */
export class LiveFlow {
  readonly #clients: readonly MqttClient[];
  readonly #timer: NodeJS.Timeout;
  readonly #arrivals: number[] = [];
  /** From the first CONNECT to the first message. */
  readonly startMs: number;

  private constructor(clients: readonly MqttClient[], topic: string, beganMs: number) {
    this.#clients = clients;
    const [publisher, subscriber] = clients;
    subscriber?.on("message", () => this.#arrivals.push(performance.now()));
    this.#timer = setInterval(() => publisher?.publish(topic, "x", { qos: 0 }), intervalMs);
    this.startMs = beganMs;
  }

  /** Rejects when a client is not let in, or no message arrives within `timeoutMs`. */
  static async start(
    cluster: NamespaceCluster,
    route: { readonly from: number; readonly to: number; readonly topic: string },
    timeoutMs: number,
  ): Promise<LiveFlow> {
    const { from, to, topic } = route;
    const beganMs = performance.now();
    const clients = [from, to].map((index, i) =>
      cluster.client(index, { clientId: `${topic}-${i}`, protocolVersion: 4 }),
    );
    let flow: LiveFlow | null = null;
    try {
      await Promise.all(clients.map((client) => connected(client, timeoutMs)));
      await clients[1]?.subscribeAsync(topic);
      const started = new LiveFlow(clients, topic, beganMs);
      flow = started;
      const what = `no QoS 0 message from n${from + 1} to n${to + 1}`;
      await until(timeoutMs, what, () => started.#arrivals.length > 0);
      return started;
    } catch (error) {
      if (flow === null) for (const client of clients) client.end(true);
      else await flow.stop();
      throw error;
    }
  }

  get tookMs(): number {
    return (this.#arrivals[0] ?? Number.POSITIVE_INFINITY) - this.startMs;
  }

  longestGapMs(fromMs: number, toMs: number): number {
    const within = this.#arrivals.filter((atMs) => atMs > fromMs && atMs < toMs);
    const marks = [fromMs, ...within, toMs];
    return Math.max(...marks.slice(1).map((atMs, i) => atMs - (marks[i] ?? 0)));
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#clients.map((client) => client.endAsync(true)));
  }
}

/** One retained QoS 1 write that must not be acknowledged. */
export class HeldWrite {
  readonly topic: string;
  readonly version: 4 | 5;
  isAcknowledged = false;
  /** From the write to the end of the connection. */
  closedAfterMs = Number.POSITIVE_INFINITY;
  /** Of the DISCONNECT of MQTT 5. */
  reasonCode: number | null = null;
  readonly #client: MqttClient;

  private constructor(client: MqttClient, topic: string, version: 4 | 5) {
    this.#client = client;
    this.topic = topic;
    this.version = version;
  }

  static async connect(
    cluster: NamespaceCluster,
    index: number,
    topic: string,
    version: 4 | 5,
  ): Promise<HeldWrite> {
    const client = cluster.client(index, { clientId: topic, protocolVersion: version });
    await connected(client, connectTimeoutMs);
    return new HeldWrite(client, topic, version);
  }

  send(): void {
    const sentMs = performance.now();
    this.#client.on("packetreceive", (packet) => {
      if (packet.cmd === "puback") this.isAcknowledged = (packet.reasonCode ?? 0) < 0x80;
      if (packet.cmd === "disconnect") this.reasonCode = packet.reasonCode ?? 0;
    });
    this.#client.once("close", () => {
      this.closedAfterMs = performance.now() - sentMs;
    });
    this.#client.publish(this.topic, "held", { qos: 1, retain: true }, () => undefined);
  }

  /**
   * What a client does that was sent away: the same client connects to another node and writes there. That write is
   * acknowledged, so it must stand in the end, whatever becomes of the first one.
   */
  async writeElsewhere(cluster: NamespaceCluster, index: number): Promise<void> {
    const { clientId = "" } = this.#client.options;
    const client = cluster.client(index, { clientId, protocolVersion: this.version });
    try {
      await connected(client, connectTimeoutMs);
      await client.publishAsync(this.topic, "newer", { qos: 1, retain: true });
    } finally {
      await client.endAsync(true);
    }
  }

  stop(): void {
    this.#client.end(true);
  }
}

/** All retained messages below `prefix` that a subscriber of this node is sent, once `isEnough` or the time is up. */
export async function readRetained(
  cluster: NamespaceCluster,
  index: number,
  prefix: string,
  isEnough: (messages: ReadonlyMap<string, string>) => boolean,
): Promise<ReadonlyMap<string, string>> {
  const client = cluster.client(index, { clientId: `${prefix}-reader-${index}` });
  const messages = new Map<string, string>();
  client.on("message", (topic, payload) => messages.set(topic, payload.toString()));
  try {
    await connected(client, connectTimeoutMs);
    await client.subscribeAsync(`${prefix}/#`, { qos: 1 });
    await until(5000, "", () => isEnough(messages)).catch(() => undefined);
    return messages;
  } finally {
    await client.endAsync(true);
  }
}
