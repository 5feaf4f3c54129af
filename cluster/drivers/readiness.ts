import type { ReadOutcome } from "../cluster-api.ts";
import { ClusterError } from "../errors.ts";
import type { Clock } from "../ports.ts";

export interface ReadinessOptions {
  readonly clock: Clock;
  readonly isMember: () => boolean;
  readonly hasQuorum: () => boolean;
  readonly readBarrier: (timeoutMs: number) => Promise<ReadOutcome>;
  readonly areRoutesKnown: () => boolean;
}

export interface ReadinessPart {
  readonly name: "joined" | "quorum" | "caught-up" | "routes";
  readonly isOk: boolean;
}

const pollMs = 20;
const readTimeoutMs = 1000;

/** Ready = a member, in touch with a leader, caught up with it once, and knowing the routes of all live peers. */
export class Readiness {
  readonly #options: ReadinessOptions;
  #isCaughtUp = false;
  #isStopped = false;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** Caught up: a linearizable read went through, so everything committed before it is applied here. */
  async start(): Promise<void> {
    while (!this.#isStopped && !this.#isCaughtUp) {
      this.#isCaughtUp =
        this.#options.isMember() && (await this.#options.readBarrier(readTimeoutMs)) === "ok";
      if (!this.#isCaughtUp) await this.#pause();
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  parts(): readonly ReadinessPart[] {
    const { isMember, hasQuorum, areRoutesKnown } = this.#options;
    return [
      { name: "joined", isOk: isMember() },
      { name: "quorum", isOk: hasQuorum() },
      { name: "caught-up", isOk: this.#isCaughtUp },
      { name: "routes", isOk: areRoutesKnown() },
    ];
  }

  isReady(): boolean {
    return this.parts().every((part) => part.isOk);
  }

  async whenReady(): Promise<void> {
    while (!this.isReady()) {
      if (this.#isStopped) throw new ClusterError("stopped", "the node is stopping");
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(pollMs, resolve);
    });
  }
}
