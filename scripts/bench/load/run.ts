import { setTimeout as pause } from "node:timers/promises";
import { perMessage } from "../written-bytes.ts";
import { Connection } from "./connection.ts";
import type { LoadJob, LoadResult } from "./job.ts";
import { Latencies } from "./latencies.ts";
import { readLoopDelay, subtractDelays } from "./loop-delay.ts";
import { Pacer } from "./pacer.ts";
import { hearersOf, hearingsOf, otherFilter } from "./plan.ts";
import { Publisher } from "./publisher.ts";
import { readBytes, readTimes } from "./readings.ts";
import { type MessageTimes, Schedule } from "./schedule.ts";
import { type Integrity, sumIntegrity } from "./stream-checker.ts";
import { Subscriber } from "./subscriber.ts";
import { WrittenTimes } from "./written-times.ts";

const drainStepMs = 20;
/** When nothing more arrived for this long, what is missing is lost. */
const drainIdleMs = 2_000;
/** What waits while the counters are read waits for the generator: such latencies are not told. */
const settlingMs = 50;
const connectingMax = 200;
const subscribingMax = 10;
const otherFiltersPerPacket = 500;
const otherFiltersPerClient = 5_000;

/** One measurement: connect, subscribe, send, warm up, measure, drain, check. */
export class LoadRun {
  readonly #job: LoadJob;
  readonly #publishers: Publisher[] = [];
  readonly #subscribers: Subscriber[] = [];
  readonly #others: Connection[] = [];
  readonly #hearers: Float64Array;
  readonly #deliveredOf: Float64Array;
  readonly #acknowledgedMs = new Latencies();
  readonly #deliveredMs = new Latencies();
  /** These two are null without a rate. */
  readonly #times: MessageTimes | null = null;
  readonly #pacer: Pacer | null = null;
  #isMeasuring = false;
  #isSending = false;
  #isFillDue = false;
  #failure: Error | null = null;

  constructor(job: LoadJob) {
    this.#job = job;
    this.#deliveredOf = new Float64Array(job.publishers);
    this.#hearers = hearersOf(job, hearingsOf(job));
    const { publishers, rate, pacing, outstandingMax } = job;
    if (rate === 0) return;
    const schedule = new Schedule(publishers, rate);
    this.#times = pacing === "ticker" ? schedule : new WrittenTimes(publishers, outstandingMax);
    this.#pacer = new Pacer(pacing, schedule, this.#publishers);
  }

  async run(): Promise<LoadResult> {
    const { warmupMs, seconds, metricsPorts, rate } = this.#job;
    await this.#connect();
    // The first of each loads code, up to 17 ms long, which must not happen while messages are under way.
    await readLoopDelay(metricsPorts);
    readBytes(this.#job);
    readTimes(this.#job);
    await this.#start();
    await pause(warmupMs);
    const delays = await readLoopDelay(metricsPorts);
    const bytes = readBytes(this.#job);
    const before = readTimes(this.#job);
    const countBefore = this.#count();
    await pause(settlingMs);
    this.#isMeasuring = true;
    await pause(seconds * 1000 - settlingMs);
    this.#isMeasuring = false;
    const messages = this.#count() - countBefore;
    const after = readTimes(this.#job);
    const bytesAfter = readBytes(this.#job);
    const delaysAfter = await readLoopDelay(metricsPorts);
    await this.#stop();
    const integrity = await this.#drain();
    await this.#close();
    const elapsedSeconds = (after.atMs - before.atMs) / 1000;
    const cpuMicros = (after.brokerCpuSeconds - before.brokerCpuSeconds) * 1e6;
    return {
      messagesPerSecond: messages / elapsedSeconds,
      offeredPerSecond: rate === 0 ? null : rate * this.#expectedOf(() => 1),
      cpuMicrosPerMessage: cpuMicros / messages,
      diskBytesPerMessage: perMessage(bytesAfter.disk, bytes.disk, messages),
      peerBytesPerMessage: perMessage(bytesAfter.peers, bytes.peers, messages),
      generatorLoad: (after.generatorCpuSeconds - before.generatorCpuSeconds) / elapsedSeconds,
      acknowledgedMs: this.#acknowledgedMs.result(),
      deliveredMs: this.#deliveredMs.result(),
      loopDelay:
        delaysAfter === null || delays === null ? null : subtractDelays(delaysAfter, delays),
      integrity,
    };
  }

  async #connect(): Promise<void> {
    const job = this.#job;
    const failed = (error: Error): void => {
      this.#failure ??= error;
    };
    await this.#subscribeOthers(failed);
    const readEnded = (): void => this.#fillDue();
    const times = this.#times;
    const acknowledged = (latencyMs: number): void => {
      if (this.#isMeasuring) this.#acknowledgedMs.add(latencyMs);
    };
    const delivered =
      times === null
        ? null
        : (publisher: number, sequence: number): void => {
            if (!this.#isMeasuring) return;
            this.#deliveredMs.add(performance.now() - times.ofMs(publisher, sequence));
          };
    const deliveredOf = this.#deliveredOf;
    const hearings = hearingsOf(job);
    const isClean = !job.isDurable;
    await openAll(this.#subscribers, hearings.length, `s${job.run}`, isClean, (at) => {
      const hearing = hearings[at]!;
      return new Subscriber({ job, hearing, deliveredOf, delivered, readEnded, failed });
    });
    await openAll(this.#publishers, job.publishers, `p${job.run}`, true, (publisher) => {
      const hearers = this.#hearers[publisher]!;
      const common = { deliveredOf, times, acknowledged, readEnded, failed };
      return new Publisher({ job, publisher, hearers, ...common });
    });
    for (const { connection } of this.#publishers) connection.onDrain(readEnded);
    await this.#subscribe();
  }

  /** A few at a time: a cluster that makes a replicated queue for each refuses some of fifty at once. */
  async #subscribe(): Promise<void> {
    for (let from = 0; from < this.#subscribers.length; from += subscribingMax) {
      const some = this.#subscribers.slice(from, from + subscribingMax);
      await Promise.all(some.map((subscriber) => subscriber.subscribe()));
    }
  }

  async #subscribeOthers(failed: (error: Error) => void): Promise<void> {
    const { run, otherSubscriptions, host, subscribePort: port, version, qos } = this.#job;
    const handler = { publish() {}, acknowledge() {}, readEnded() {}, failed };
    for (let from = 0; from < otherSubscriptions; from += otherFiltersPerClient) {
      const connection = new Connection({ host, port, version }, handler);
      this.#others.push(connection);
      await connection.open(`o${run}-${from}`);
      const until = Math.min(from + otherFiltersPerClient, otherSubscriptions);
      for (let at = from; at < until; at += otherFiltersPerPacket) {
        const count = Math.min(otherFiltersPerPacket, until - at);
        const filters = Array.from({ length: count }, (_, index) => otherFilter(run, at + index));
        await connection.subscribe(filters, qos);
      }
    }
  }

  async #start(): Promise<void> {
    this.#isSending = true;
    if (this.#pacer === null) this.#fill();
    else await this.#pacer.start();
  }

  async #stop(): Promise<void> {
    this.#isSending = false;
    for (const publisher of this.#publishers) publisher.stop();
    await this.#pacer?.stop();
  }

  #fillDue(): void {
    if (this.#isFillDue || this.#pacer !== null) return;
    this.#isFillDue = true;
    setImmediate(() => this.#fill());
  }

  #fill(): void {
    this.#isFillDue = false;
    const nowMs = performance.now();
    for (let at = 0; at < this.#publishers.length; at++) {
      if (this.#isSending) this.#publishers[at]!.fill(nowMs);
      else this.#publishers[at]!.flush();
    }
  }

  #count(): number {
    if (this.#failure !== null) throw this.#failure;
    if (this.#subscribers.length === 0) {
      return this.#publishers.reduce((total, { acknowledged }) => total + acknowledged, 0);
    }
    return this.#deliveredOf.reduce((total, delivered) => total + delivered, 0);
  }

  /** What `#count` comes to when each publisher sends so many messages. */
  #expectedOf(sentBy: (publisher: Publisher) => number): number {
    return this.#publishers.reduce((total, publisher, at) => {
      const hearers = this.#subscribers.length > 0 ? this.#hearers[at]! : 1;
      return total + sentBy(publisher) * hearers;
    }, 0);
  }

  async #drain(): Promise<Integrity> {
    const hasHearers = this.#subscribers.length > 0;
    const expected = this.#expectedOf(({ sent }) => sent);
    let lastCount = this.#count();
    for (let idleMs = 0; idleMs < drainIdleMs && lastCount < expected; idleMs += drainStepMs) {
      await pause(drainStepMs);
      const count = this.#count();
      if (count > lastCount) idleMs = 0;
      lastCount = count;
    }
    if (!hasHearers) {
      return { lost: expected - lastCount, duplicates: 0, outOfOrder: 0, foreign: 0 };
    }
    return sumIntegrity(
      this.#subscribers.map((subscriber) =>
        subscriber.result((publisher) => this.#publishers[publisher]!.sent),
      ),
    );
  }

  async #close(): Promise<void> {
    const clients = [...this.#publishers, ...this.#subscribers].map(({ connection }) => connection);
    await Promise.all([...clients, ...this.#others].map((connection) => connection.close()));
  }
}

/** So many at a time that no broker takes it for a storm. */
async function openAll<Client extends { readonly connection: Connection }>(
  clients: Client[],
  count: number,
  prefix: string,
  isClean: boolean,
  create: (at: number) => Client,
): Promise<void> {
  while (clients.length < count) {
    const some = Math.min(connectingMax, count - clients.length);
    const opening = Array.from({ length: some }, () => {
      const client = create(clients.length);
      clients.push(client);
      return client.connection.open(`${prefix}-${clients.length - 1}`, isClean);
    });
    await Promise.all(opening);
  }
}
