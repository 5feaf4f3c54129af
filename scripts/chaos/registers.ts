import type { MqttClient } from "mqtt";
import type { Endpoint } from "./flock.ts";
import { pause } from "./flock.ts";
import { checkRegister, type Operation, type Verdict } from "./linearizability.ts";
import { lostWrites } from "./lost-writes.ts";
import { openClient, readDevice, readRetained, writeOnce } from "./register-access.ts";

/** Longer than a node holds a write without a quorum. */
const writeTimeoutMs = 15_000;
/** Then a key makes room for a fresh one, so that the search stays short. */
const operationsPerKeyMax = 500;
const keysAtATime = 6;

export interface RegistersOptions {
  readonly workers: number;
  /** Between two operations of a worker, at most. */
  readonly pauseMs: number;
}

export interface RegisterVerdict {
  readonly key: string;
  readonly verdict: Verdict;
}

/**
 * Clients that write and read a few registers through any node, each operation once: even keys are retained messages, read by
 * a new subscriber; odd ones device attributes, read by HTTP. Every value is written once.
 */
export class Registers {
  readonly #options: RegistersOptions;
  readonly #endpoints: () => readonly Endpoint[];
  readonly #random: () => number;
  readonly #histories = new Map<string, Operation[]>();
  /** Of each register, what was read when all else was over. */
  readonly #finals = new Map<string, Operation[]>();
  readonly #active: string[] = [];
  #workers: readonly Promise<void>[] = [];
  #isStopping = false;
  #value = 0;
  #keys = 0;
  #acknowledged = 0;
  #unknown = 0;
  #reads = 0;

  constructor(
    options: RegistersOptions,
    endpoints: () => readonly Endpoint[],
    random: () => number,
  ) {
    this.#options = options;
    this.#endpoints = endpoints;
    this.#random = random;
    for (let i = 0; i < keysAtATime; i++) this.#active.push(this.#newKey(i));
  }

  get counts(): {
    readonly keys: number;
    readonly acknowledged: number;
    readonly unknown: number;
    readonly reads: number;
  } {
    const keys = this.#histories.size;
    const [acknowledged, unknown, reads] = [this.#acknowledged, this.#unknown, this.#reads];
    return { keys, acknowledged, unknown, reads };
  }

  start(): void {
    this.#isStopping = false;
    this.#workers = Array.from({ length: this.#options.workers }, (_, i) => this.#work(i));
  }

  /** Resolves when the outcome of every operation is known, or known to be unknown. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#workers);
  }

  /** Reads every key from every node, after all else, as the last operations of its history. */
  async readBack(): Promise<void> {
    this.#finals.clear();
    const readAll = async (endpoint: Endpoint): Promise<void> => {
      for (const key of this.#histories.keys()) {
        const read = await this.#read(key, endpoint, "local");
        if (read === null) throw new Error(`${key} could not be read from ${endpoint.name}`);
        this.#finals.set(key, [...(this.#finals.get(key) ?? []), read]);
      }
    };
    await Promise.all(this.#endpoints().map(readAll));
  }

  /** Acknowledged writes that the newest `readBack` did not find, nor anything newer in their place. */
  lostWrites(): readonly { readonly key: string; readonly write: Operation }[] {
    return [...this.#finals].flatMap(([key, finals]) =>
      lostWrites(this.#histories.get(key) ?? [], finals).map((write) => ({ key, write })),
    );
  }

  verdicts(): readonly RegisterVerdict[] {
    return [...this.#histories].map(([key, history]) => ({ key, verdict: checkRegister(history) }));
  }

  async #work(worker: number): Promise<void> {
    let connection: { readonly client: MqttClient; readonly endpoint: Endpoint } | null = null;
    while (!this.#isStopping) {
      const endpoint = this.#endpointOf(worker);
      const key = this.#chooseKey();
      if (this.#random() < 0.5) {
        await this.#read(key, endpoint, "linearizable");
      } else {
        if (connection === null || this.#random() < 0.05) {
          connection?.client.end(true);
          const client = await openClient(endpoint, 3000).catch(() => null);
          connection = client === null ? null : { client, endpoint };
        }
        if (connection !== null) {
          const by = `w${worker} by ${connection.endpoint.name}`;
          if (!(await this.#write(key, connection.client, by))) {
            connection.client.end(true);
            connection = null;
          }
        }
      }
      await pause(this.#random() * this.#options.pauseMs);
    }
    connection?.client.end(true);
  }

  /**
   * Every other worker stays with one node: the others, which go round, come to wait for nodes that are cut off one after the
   * other, and would leave the majority without clients.
   */
  #endpointOf(worker: number): Endpoint {
    const endpoints = this.#endpoints();
    const part = worker % 2 === 0 ? worker / 2 : Math.floor(this.#random() * endpoints.length);
    return endpoints[part % endpoints.length] as Endpoint;
  }

  async #write(key: string, client: MqttClient, by: string): Promise<boolean> {
    const value = String(++this.#value);
    const startMs = performance.now();
    const isRetained = isRetainedKey(key);
    const isAcknowledged = await writeOnce(client, key, value, isRetained, writeTimeoutMs);
    const endMs = isAcknowledged ? performance.now() : Number.POSITIVE_INFINITY;
    this.#record(key, { kind: "write", value, startMs, endMs, by });
    if (isAcknowledged) this.#acknowledged++;
    else this.#unknown++;
    return isAcknowledged;
  }

  /** Null, and not recorded, when it got no answer or one that is announced as stale: it says nothing. */
  async #read(
    key: string,
    endpoint: Endpoint,
    consistency: "local" | "linearizable",
  ): Promise<Operation | null> {
    const startMs = performance.now();
    const value = isRetainedKey(key)
      ? await readRetained(endpoint, key)
      : await readDevice(endpoint, key, consistency);
    const endMs = performance.now();
    if (value === undefined) return null;
    this.#reads++;
    const by = `reader at ${endpoint.name}`;
    const read: Operation = { kind: "read", value, startMs, endMs, by };
    this.#record(key, read);
    return read;
  }

  #chooseKey(): string {
    const slot = Math.floor(this.#random() * keysAtATime);
    const key = this.#active[slot] as string;
    if ((this.#histories.get(key)?.length ?? 0) < operationsPerKeyMax) return key;
    const fresh = this.#newKey(slot);
    this.#active[slot] = fresh;
    return fresh;
  }

  #newKey(slot: number): string {
    const number = this.#keys++;
    return slot % 2 === 0 ? `registers/r${number}` : `sensors/register${number}/value`;
  }

  #record(key: string, operation: Operation): void {
    const history = this.#histories.get(key);
    if (history === undefined) this.#histories.set(key, [operation]);
    else history.push(operation);
  }
}

function isRetainedKey(key: string): boolean {
  return key.startsWith("registers/");
}
