import type { InterestChange } from "../cluster-api.ts";
import type { RemoteInterest } from "../gossip/remote-interest.ts";
import type { NodeId } from "../node-id.ts";
import { interestLimits } from "../peer-limits.ts";
import { decodeInterestAnswer, encodeInterestPull } from "../wire/interest-pull.ts";
import type { DriverPorts } from "./driver-ports.ts";

export interface InterestPullerOptions extends DriverPorts {
  /** The table of a node that can be asked now; null ends the pulling. */
  readonly reachable: (origin: NodeId) => RemoteInterest | null;
  /** Called after each answer that was taken in. */
  readonly onAnswered: (origin: NodeId, changes: readonly InterestChange[]) => void;
}

/** Fetches from a writer what gossip did not bring: one request at a time per writer, until its table is complete. */
export class InterestPuller {
  readonly #options: InterestPullerOptions;
  readonly #pulling = new Set<NodeId>();
  /** Pulls that wait before they try again; calling ends the wait. */
  readonly #sleeping = new Map<NodeId, () => void>();
  #isStopped = false;

  constructor(options: InterestPullerOptions) {
    this.#options = options;
  }

  /** Starts pulling, or wakes a pull that waits after a failure. */
  pull(origin: NodeId): void {
    this.#sleeping.get(origin)?.();
    if (this.#isStopped || this.#pulling.has(origin)) return;
    this.#pulling.add(origin);
    void this.#run(origin);
  }

  stop(): void {
    this.#isStopped = true;
    for (const wake of [...this.#sleeping.values()]) wake();
  }

  async #run(origin: NodeId): Promise<void> {
    let failures = 0;
    while (!this.#isStopped && this.#options.reachable(origin)?.isBehind === true) {
      if (await this.#ask(origin)) {
        failures = 0;
      } else {
        failures += 1;
        await this.#sleep(origin, failures);
      }
    }
    this.#pulling.delete(origin);
  }

  /** One request and its answer; false: it failed, try later. */
  async #ask(origin: NodeId): Promise<boolean> {
    const { transport, counters, log, reachable, onAnswered } = this.#options;
    const remote = reachable(origin);
    if (remote === null) return true;
    counters.add("interest_pulls");
    try {
      const request = encodeInterestPull(remote.nextPull());
      const bytes = await transport.request(
        origin,
        "interest",
        request,
        interestLimits.pullTimeoutMs,
      );
      if (this.#isStopped || reachable(origin) !== remote) return true;
      const answer = decodeInterestAnswer(bytes);
      const outcome = answer === null ? null : remote.answer(answer);
      if (outcome?.type === "applied") {
        onAnswered(origin, outcome.changes);
        return true;
      }
      counters.add("interest_pulls_refused");
    } catch (error) {
      counters.add("interest_pulls_failed");
      log.debug({ nodeId: origin, error }, "interest pull failed");
    }
    return false;
  }

  #sleep(origin: NodeId, failures: number): Promise<void> {
    const { pullBackoffMinMs, pullBackoffMaxMs } = interestLimits;
    const { clock, random } = this.#options;
    const backoffMs = Math.min(pullBackoffMaxMs, pullBackoffMinMs * 2 ** Math.min(failures, 10));
    return new Promise((resolve) => {
      const cancel = clock.after(backoffMs * (0.5 + random() / 2), () => wake());
      const wake = (): void => {
        cancel();
        this.#sleeping.delete(origin);
        resolve();
      };
      this.#sleeping.set(origin, wake);
    });
  }
}
