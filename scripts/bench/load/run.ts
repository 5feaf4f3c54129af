import { setTimeout as pause } from "node:timers/promises";
import { cpuSeconds } from "../cpu-time.ts";
import { percentileOfSorted } from "../statistics.ts";
import type { LoadJob, LoadResult } from "./job.ts";
import { Publisher, topicOf } from "./publisher.ts";
import { type Integrity, sumIntegrity } from "./stream-checker.ts";
import { Subscriber } from "./subscriber.ts";

const latenciesMax = 1_000_000;
const drainStepMs = 20;
/** When nothing more arrived for this long, what is missing is lost. */
const drainIdleMs = 2_000;

/** One measurement: connect, subscribe, send, warm up, measure, drain, check. */
export class LoadRun {
  readonly #job: LoadJob;
  readonly #publishers: Publisher[] = [];
  readonly #subscribers: Subscriber[] = [];
  readonly #deliveredOf: Float64Array;
  readonly #latencies = new Float64Array(latenciesMax);
  #latencyCount = 0;
  #isMeasuring = false;
  #isSending = false;
  #isFillDue = false;
  #failure: Error | null = null;

  constructor(job: LoadJob) {
    this.#job = job;
    this.#deliveredOf = new Float64Array(job.publishers);
  }

  async run(): Promise<LoadResult> {
    const { warmupMs, seconds, pids } = this.#job;
    await this.#connect();
    this.#isSending = true;
    this.#fill();
    await pause(warmupMs);
    const before = { count: this.#count(), atMs: performance.now() };
    const brokerCpu = cpuSeconds(pids);
    const ownCpu = process.cpuUsage();
    this.#isMeasuring = true;
    await pause(seconds * 1000);
    this.#isMeasuring = false;
    const messages = this.#count() - before.count;
    const elapsedSeconds = (performance.now() - before.atMs) / 1000;
    const cpuMicros = (cpuSeconds(pids) - brokerCpu) * 1e6;
    const own = process.cpuUsage(ownCpu);
    this.#isSending = false;
    const integrity = await this.#drain();
    await this.#close();
    return {
      messagesPerSecond: messages / elapsedSeconds,
      cpuMicrosPerMessage: cpuMicros / messages,
      generatorLoad: (own.user + own.system) / 1e6 / elapsedSeconds,
      acknowledgedMs: this.#latency(),
      integrity,
    };
  }

  async #connect(): Promise<void> {
    const job = this.#job;
    const failed = (error: Error): void => {
      this.#failure ??= error;
    };
    const due = (): void => this.#fillDue();
    const acknowledged = (latencyMs: number): void => this.#acknowledged(latencyMs);
    for (let subscriber = 0; subscriber < job.subscribers; subscriber++) {
      const deliveredOf = this.#deliveredOf;
      this.#subscribers.push(new Subscriber({ job, deliveredOf, readEnded: due, failed }));
    }
    for (let publisher = 0; publisher < job.publishers; publisher++) {
      this.#publishers.push(new Publisher({ job, publisher, acknowledged, failed }));
    }
    await Promise.all([
      ...this.#subscribers.map(({ connection }, at) => connection.open(`s${job.run}-${at}`)),
      ...this.#publishers.map(({ connection }, at) => connection.open(`p${job.run}-${at}`)),
    ]);
    for (const { connection } of this.#publishers) connection.onDrain(due);
    const filterOf = (at: number): string =>
      job.layout === "pairs" ? topicOf(job.run, at, 0) : `bench/${job.run}/#`;
    await Promise.all(
      this.#subscribers.map(({ connection }, at) => connection.subscribe(filterOf(at), job.qos)),
    );
  }

  #acknowledged(latencyMs: number): void {
    if (this.#isMeasuring && this.#latencyCount < latenciesMax) {
      this.#latencies[this.#latencyCount++] = latencyMs;
    }
    this.#fillDue();
  }

  #fillDue(): void {
    if (this.#isFillDue || !this.#isSending) return;
    this.#isFillDue = true;
    setImmediate(() => this.#fill());
  }

  #fill(): void {
    this.#isFillDue = false;
    if (!this.#isSending) return;
    const hearers = this.#hearersPerPublisher();
    for (const [at, publisher] of this.#publishers.entries()) {
      publisher.fill(Math.floor(this.#deliveredOf[at]! / hearers));
    }
  }

  #hearersPerPublisher(): number {
    return this.#job.layout === "pairs" ? 1 : Math.max(1, this.#subscribers.length);
  }

  #count(): number {
    if (this.#failure !== null) throw this.#failure;
    if (this.#subscribers.length === 0) {
      return this.#publishers.reduce((total, { acknowledged }) => total + acknowledged, 0);
    }
    return this.#deliveredOf.reduce((total, delivered) => total + delivered, 0);
  }

  async #drain(): Promise<Integrity> {
    const sent = this.#publishers.reduce((total, publisher) => total + publisher.sent, 0);
    const expected = sent * this.#hearersPerPublisher();
    let lastCount = this.#count();
    for (let idleMs = 0; idleMs < drainIdleMs && lastCount < expected; idleMs += drainStepMs) {
      await pause(drainStepMs);
      const count = this.#count();
      if (count > lastCount) idleMs = 0;
      lastCount = count;
    }
    if (this.#subscribers.length === 0) {
      return { lost: expected - lastCount, duplicates: 0, outOfOrder: 0, foreign: 0 };
    }
    const everyone = this.#publishers.map((_, at) => at);
    return sumIntegrity(
      this.#subscribers.map(({ checker }, at) => {
        const heard = this.#job.layout === "pairs" ? [at] : everyone;
        return checker.result(heard, (stream) => this.#publishers[stream]!.sent);
      }),
    );
  }

  #latency(): LoadResult["acknowledgedMs"] {
    if (this.#job.qos === 0) return null;
    const sorted = this.#latencies.subarray(0, this.#latencyCount).sort();
    return { p50: percentileOfSorted(sorted, 0.5), p99: percentileOfSorted(sorted, 0.99) };
  }

  async #close(): Promise<void> {
    const clients = [...this.#publishers, ...this.#subscribers];
    await Promise.all(clients.map(({ connection }) => connection.close()));
  }
}
