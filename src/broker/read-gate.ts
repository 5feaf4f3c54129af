import type { BrokerContext } from "./context.ts";

type Passed = (isInStep: boolean) => void;

/**
 * Lets decisions wait until this node has applied everything that any node acknowledged before they were asked for. All that wait at
 * once share one read of the log's index; while it is under way the next ones gather.
 */
export class ReadGate {
  readonly #context: BrokerContext;
  #waiting: Passed[] = [];
  #isUnderWay = false;
  #isScheduled = false;

  constructor(context: BrokerContext) {
    this.#context = context;
  }

  /** `passed` runs exactly once, in the order of the calls; false when there was no quorum in time. */
  pass(passed: Passed): void {
    this.#waiting.push(passed);
    if (this.#isUnderWay || this.#isScheduled) return;
    this.#isScheduled = true;
    this.#context.clock.endOfTurn(() => {
      this.#isScheduled = false;
      this.#read();
    });
  }

  #read(): void {
    if (this.#isUnderWay || this.#waiting.length === 0) return;
    const { cluster, limits } = this.#context;
    const batch = this.#waiting;
    this.#waiting = [];
    this.#isUnderWay = true;
    cluster.readBarrier(limits.commitTimeoutMs).then(
      (result) => this.#passAll(batch, result === "ok"),
      () => this.#passAll(batch, false),
    );
  }

  #passAll(batch: readonly Passed[], isInStep: boolean): void {
    this.#isUnderWay = false;
    for (const passed of batch) passed(isInStep);
    this.#read();
  }
}
