import type { ApplicationMessage } from "../mqtt/message.ts";
import type { Connection } from "./connection.ts";

export type CommitOutcome =
  | {
      readonly status: "committed";
      readonly version: number;
      /** It had been published before under the same packet identifier. */
      readonly isRepeated: boolean;
    }
  /** Definitely not in the log. */
  | { readonly status: "refused" }
  /** Definitely not in the log either: what it was to replace has this version, not the expected one. */
  | { readonly status: "conflict"; readonly currentVersion: number }
  /** Nobody knows in time. */
  | { readonly status: "timeout" };

export interface WaitingPublish {
  readonly message: ApplicationMessage;
  /** 0 at QoS 0. */
  readonly token: number;
  /** It came this way; a newer connection of the session is not to blame for it. */
  readonly connection: Connection | null;
  /** On the monotonic clock. */
  readonly receivedAtMs: number;
  /** The log keeps it for a session. */
  isForSessions: boolean;
  /** To how many sessions and nodes it went ahead of its acknowledgement; null while it has not. */
  readonly dispatched: number | null;
  outcome: CommitOutcome | null;
}

/**
 * The publishes of one client in their order: none is dispatched before an earlier one that still waits for the log.
 * Empty whenever nothing waits, so that the common message never enters it.
 */
export class PublishQueue {
  #waiting: WaitingPublish[] = [];
  /** Where the first one stands that was not taken yet. */
  #head = 0;
  #undispatched = 0;
  isReadingPaused = false;

  get length(): number {
    return this.#waiting.length - this.#head;
  }

  /** Nothing waits to be dispatched, so that a new message may go ahead of its acknowledgement. */
  get isClear(): boolean {
    return this.#undispatched === 0;
  }

  push(publish: WaitingPublish): void {
    if (publish.dispatched === null) this.#undispatched++;
    this.#waiting.push(publish);
  }

  /** Takes the first one; null while it has no outcome. */
  shiftSettled(): WaitingPublish | null {
    const first = this.#waiting[this.#head];
    if (first === undefined || first.outcome === null) return null;
    if (first.dispatched === null) this.#undispatched--;
    this.#head++;
    // Let go in large steps: outcomes come one by one, and moving the rest each time would be quadratic.
    if (this.#head * 2 >= this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    return first;
  }
}
