import { encodeCommand } from "../replica/commands.ts";
import type { BrokerContext } from "./context.ts";

const retryMs = 1000;

export interface EndedConnection {
  readonly clientId: string;
  /** 0 = it never had a claim. */
  readonly epoch: number;
  readonly expirySeconds: number;
  readonly isWillWanted: boolean;
  readonly sentSeq: number;
}

/**
 * Tells the log that a connection ended here. Idempotent by epoch, so it is simply said again until it was applied; a newer claim of
 * the same client makes it void.
 */
export class Disconnects {
  readonly #context: BrokerContext;
  #waiting = 0;

  constructor(context: BrokerContext) {
    this.#context = context;
  }

  /** Ended connections of which the log does not know yet. */
  get waiting(): number {
    return this.#waiting;
  }

  tell(ended: EndedConnection): void {
    if (ended.epoch === 0) return;
    if (this.#waiting >= this.#context.limits.disconnectsWaitingMax) {
      this.#context.counters.disconnectsDropped++;
      return;
    }
    this.#waiting++;
    this.#propose(ended);
  }

  #propose(ended: EndedConnection): void {
    const { cluster, limits, wheel } = this.#context;
    const command = encodeCommand({ type: "disconnect", ...ended });
    cluster.propose(command, limits.commitTimeoutMs, (outcome) => {
      if (outcome.status === "applied" || outcome.reason === "stopped") this.#waiting--;
      else wheel.after(retryMs, () => this.#propose(ended));
    });
  }
}
