import { encodeCommand } from "../replica/commands.ts";
import type { BrokerContext } from "./context.ts";

const retryMs = 1000;

/**
 * Tells the log that a session ended here. Idempotent by epoch, so it is simply said again until it was applied; a
 * newer claim of the same client makes it void.
 */
export class Releases {
  readonly #context: BrokerContext;
  #waiting = 0;

  constructor(context: BrokerContext) {
    this.#context = context;
  }

  release(clientId: string, epoch: number): void {
    if (epoch === 0) return;
    if (this.#waiting >= this.#context.limits.releasesWaitingMax) {
      this.#context.counters.releasesDropped++;
      return;
    }
    this.#waiting++;
    this.#propose(clientId, epoch);
  }

  #propose(clientId: string, epoch: number): void {
    const { cluster, limits, wheel } = this.#context;
    const command = encodeCommand({ type: "release", clientId, epoch });
    cluster.propose(command, limits.commitTimeoutMs, (outcome) => {
      if (outcome.status === "applied" || outcome.reason === "stopped") this.#waiting--;
      else wheel.after(retryMs, () => this.#propose(clientId, epoch));
    });
  }
}
