import type { ApplicationMessage } from "../mqtt/message.ts";
import type { Fence } from "../replica/replica-api.ts";
import type { Connection } from "./connection.ts";
import type { LogStep } from "./log-order.ts";
import type { CommitOutcome, WaitingPublish } from "./publish-queue.ts";
import type { SessionEntry } from "./session-entry.ts";
import type { StateWaiter } from "./waiting-updates.ts";

export interface StatePublishFlow {
  /** All before it have had their turn. */
  stateCommitted(publish: StatePublish, outcome: CommitOutcome): void;
}

/**
 * A PUBLISH at QoS 1 or 2 of which the log gets nothing but device state, until it is acknowledged. It stands in its publisher's queue, in
 * the order towards the log and among those who wait for a batch, as one object: thousands live as long as a batch takes, and each
 * object of them, a closure as much as another, is copied by the garbage collector in that time.
 */
export class StatePublish implements WaitingPublish, LogStep, StateWaiter {
  readonly message: ApplicationMessage;
  readonly token: number;
  readonly connection: Connection | null;
  readonly receivedAtMs: number;
  isForSessions = false;
  readonly dispatched = null;
  outcome: CommitOutcome | null = null;
  isReady = false;
  next: StateWaiter | null = null;
  readonly entry: SessionEntry;
  readonly fence: Fence;
  readonly #flow: StatePublishFlow;
  /** Of its device state. */
  #committed: CommitOutcome | null = null;

  constructor(
    flow: StatePublishFlow,
    entry: SessionEntry,
    message: ApplicationMessage,
    token: number,
    fence: Fence,
    receivedAtMs: number,
  ) {
    this.#flow = flow;
    this.entry = entry;
    this.connection = entry.connection;
    this.message = message;
    this.token = token;
    this.fence = fence;
    this.receivedAtMs = receivedAtMs;
  }

  get topic(): string {
    return this.message.topic;
  }

  settled(outcome: CommitOutcome): void {
    this.#committed = outcome;
    this.entry.logOrder.ready(this);
  }

  proceed(): void {
    if (this.#committed !== null) this.#flow.stateCommitted(this, this.#committed);
  }
}
