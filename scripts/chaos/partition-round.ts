import { type NamespaceCluster, pause } from "./namespace-cluster.ts";
import type { CutKind } from "./namespaces.ts";
import { HeldWrite, LiveFlow, RetainedWriter, readRetained } from "./partition-traffic.ts";

/** What DESIGN section 6 and issue "partition" promise. */
const outageMsMax = 2000;
const heldMs = 10_000;
const syncSeconds = 30;
/** A machine with less cores than nodes is slow now and then; a flow that stops is not that. */
const gapMsMax = 3000;
/** Long enough to see that a held write ended, and to write elsewhere. */
export const cutSecondsMin = 14;

export interface Cut {
  readonly kind: CutKind;
  readonly minority: readonly number[];
  /** At least `cutSecondsMin`. */
  readonly seconds: number;
}

export interface RoundResult {
  readonly kind: CutKind;
  readonly minority: readonly string[];
  readonly hasLeader: boolean;
  /** Of writes on the majority side, per node. */
  readonly outageMs: readonly number[];
  /** Without a message from one minority node to the other. */
  readonly longestGapMs: readonly number[];
  /** From the CONNECT of two new clients on the minority side to the first message between them. */
  readonly newFlowMs: number;
  readonly heldMs: readonly number[];
  readonly syncMs: number;
  /** Of the unacknowledged writes: whether they are there now. Both may be. */
  readonly heldArePresent: readonly boolean[];
  readonly acknowledged: number;
  readonly violations: readonly string[];
}

/** Cuts two nodes off, asks both sides for what they promise, heals, and reads everything back. */
export class PartitionRound {
  readonly #cluster: NamespaceCluster;
  readonly #prefix: string;
  readonly #cut: Cut;
  readonly #violations: string[] = [];

  constructor(cluster: NamespaceCluster, round: number, cut: Cut) {
    this.#cluster = cluster;
    this.#prefix = `cut${round}`;
    this.#cut = cut;
  }

  async run(hasLeader: boolean): Promise<RoundResult> {
    const cluster = this.#cluster;
    const { kind, minority, seconds } = this.#cut;
    const [one = 0, two = 0] = minority;
    const majority = cluster.nodes.map((_, i) => i).filter((i) => !minority.includes(i));
    const writers = await Promise.all(
      majority.map((index) => RetainedWriter.start(cluster, index, this.#prefix)),
    );
    const flows = await Promise.all([this.#flow(one, two, "a"), this.#flow(two, one, "b")]);
    const held = await Promise.all(
      ([4, 5] as const).map((version, i) =>
        HeldWrite.connect(cluster, i === 0 ? one : two, `${this.#prefix}/held${version}`, version),
      ),
    );
    const cutAtMs = performance.now();
    cluster.network.cut(minority, kind);
    for (const write of held) write.send();
    await pause(2000);
    const newFlow = await this.#flow(one, two, "new").catch((error: Error) => {
      this.#violations.push(`clients that connect during the cut: ${error.message}`);
      return null;
    });
    await pause(cutAtMs + heldMs + 1500 - performance.now());
    const moved = held[0] as HeldWrite;
    await moved.writeElsewhere(cluster, majority[0] ?? 0);
    await pause(cutAtMs + seconds * 1000 - performance.now());
    const healAtMs = performance.now();
    const outageMs = writers.map((writer) => this.#outage(writer, cutAtMs));
    this.#checkHeld(held);
    cluster.network.heal();
    const longestGapMs = flows.map((flow) => this.#gap(flow, cutAtMs, healAtMs));
    await this.#checkSync();
    const syncMs = performance.now() - healAtMs;
    for (const write of held) write.stop();
    for (const flow of [...flows, newFlow]) await flow?.stop();
    const heldArePresent = await this.#checkCopies(writers, held, moved);
    return {
      kind,
      minority: minority.map((index) => `n${index + 1}`),
      hasLeader,
      outageMs: outageMs.map(Math.round),
      longestGapMs: longestGapMs.map(Math.round),
      newFlowMs: Math.round(newFlow?.tookMs ?? Number.NaN),
      heldMs: held.map((write) => Math.round(write.closedAfterMs)),
      syncMs: Math.round(syncMs),
      heldArePresent,
      acknowledged: writers.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0),
      violations: this.#violations,
    };
  }

  #flow(from: number, to: number, name: string): Promise<LiveFlow> {
    return LiveFlow.start(this.#cluster, { from, to, topic: `${this.#prefix}-${name}` }, 5000);
  }

  #outage(writer: RetainedWriter, cutAtMs: number): number {
    const outageMs = writer.outageMs(cutAtMs);
    if (outageMs > outageMsMax) {
      const what = `n${writer.index + 1} of the majority acknowledged after ${outageMs} ms`;
      this.#violations.push(`${what}, not within ${outageMsMax}`);
    }
    return outageMs;
  }

  #gap(flow: LiveFlow, cutAtMs: number, healAtMs: number): number {
    const gapMs = flow.longestGapMs(cutAtMs, healAtMs);
    if (gapMs > gapMsMax) {
      this.#violations.push(`QoS 0 on the minority side stood still for ${gapMs} ms`);
    }
    return gapMs;
  }

  #checkHeld(held: readonly HeldWrite[]): void {
    for (const { version, isAcknowledged, closedAfterMs, reasonCode } of held) {
      const what = `MQTT ${version === 5 ? "5" : "3.1.1"} write without a quorum`;
      if (isAcknowledged) this.#violations.push(`${what}: acknowledged`);
      if (closedAfterMs > heldMs + 3000) this.#violations.push(`${what}: connection held too long`);
      else if (closedAfterMs < heldMs / 2) this.#violations.push(`${what}: given up too early`);
      // Server busy: of the codes that a DISCONNECT may carry the one that sends a client elsewhere.
      if (version === 5 && reasonCode !== 0x89) {
        this.#violations.push(`${what}: DISCONNECT with ${reasonCode}, not 0x89`);
      }
    }
  }

  async #checkSync(): Promise<void> {
    const answers = await Promise.all(
      this.#cluster.nodes.map((_, index) => this.#cluster.status(index, syncSeconds)),
    );
    for (const { exitCode, status } of answers) {
      if (exitCode === 0 && status?.nodes.length === this.#cluster.nodes.length) continue;
      const reasons = JSON.stringify(status?.reasons ?? "no answer");
      this.#violations.push(
        `cluster status --wait ${syncSeconds} ended with ${exitCode}: ${reasons}`,
      );
    }
  }

  /** Everything acknowledged is on every node, and what was not acknowledged on all or on none. */
  async #checkCopies(
    writers: readonly RetainedWriter[],
    held: readonly HeldWrite[],
    moved: HeldWrite,
  ): Promise<readonly boolean[]> {
    for (const writer of writers) {
      const left = await writer.stop(10_000);
      if (left > 0) {
        this.#violations.push(`n${writer.index + 1}: ${left} writes stayed unacknowledged`);
      }
    }
    const expected = writers.flatMap((writer) => [...writer.acknowledged]);
    const isComplete = (messages: ReadonlyMap<string, string>): boolean =>
      expected.every(([topic, value]) => Number(messages.get(topic) ?? -1) >= value);
    const copies = await Promise.all(
      this.#cluster.nodes.map((_, index) =>
        readRetained(this.#cluster, index, this.#prefix, isComplete),
      ),
    );
    for (const [index, copy] of copies.entries()) {
      const missing = expected.filter(([topic, value]) => Number(copy.get(topic) ?? -1) < value);
      for (const [topic, value] of missing.slice(0, 5)) {
        const found = copy.get(topic) ?? "nothing";
        this.#violations.push(`lost on n${index + 1}: ${topic} is ${found}, acknowledged ${value}`);
      }
    }
    return held.map(({ topic }) => {
      if (topic === moved.topic) {
        const values = copies.map((copy) => copy.get(topic) ?? "nothing");
        if (values.some((value) => value !== "newer")) {
          this.#violations.push(`${topic}: "newer" was acknowledged last, found ${values.join()}`);
        }
        return values.includes("held");
      }
      const count = copies.filter((copy) => copy.get(topic) === "held").length;
      if (count > 0 && count < copies.length) {
        this.#violations.push(`${topic} is on ${count} of ${copies.length} nodes`);
      }
      return count > 0;
    });
  }
}
