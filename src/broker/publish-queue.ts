import type { ApplicationMessage } from "../mqtt/message.ts";
import type { Connection } from "./connection.ts";

export type CommitOutcome =
  | { readonly status: "committed"; readonly version: number }
  /** Definitely not in the log. */
  | { readonly status: "refused" }
  /** Nobody knows in time. */
  | { readonly status: "timeout" };

export interface WaitingPublish {
  readonly message: ApplicationMessage;
  /** 0 at QoS 0. */
  readonly token: number;
  /** It came this way; a newer connection of the session is not to blame for it. */
  readonly connection: Connection | null;
  outcome: CommitOutcome | null;
}

/**
 * The publishes of one client in their order: none is dispatched before an earlier one that still waits for the log.
 * Empty whenever nothing waits, so that the common message never enters it.
 */
export class PublishQueue {
  #waiting: WaitingPublish[] = [];
  isReadingPaused = false;

  get length(): number {
    return this.#waiting.length;
  }

  push(publish: WaitingPublish): void {
    this.#waiting.push(publish);
  }

  /** Takes everything up to the first publish without an outcome. */
  takeSettled(): readonly WaitingPublish[] {
    const open = this.#waiting.findIndex((publish) => publish.outcome === null);
    if (open === 0) return [];
    const settled = open < 0 ? this.#waiting : this.#waiting.slice(0, open);
    this.#waiting = open < 0 ? [] : this.#waiting.slice(open);
    return settled;
  }
}
