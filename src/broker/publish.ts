import { type ApplicationMessage, createMessage } from "../mqtt/message.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type { Fence } from "../replica/replica-api.ts";
import type { Commits, LogPlan } from "./commits.ts";
import type { BrokerContext } from "./context.ts";
import type { Dispatcher } from "./dispatch.ts";
import { expectedVersionOf } from "./expected-version.ts";
import type { CommitOutcome, WaitingPublish } from "./publish-queue.ts";
import type { SessionEntry } from "./session-entry.ts";

/**
 * The way of a PUBLISH: allowed? Does its acknowledgement promise the log? Then commit, dispatch, acknowledge, in this
 * order and in the publisher's order (DESIGN section 6).
 */
export class PublishFlow {
  readonly #context: BrokerContext;
  readonly #dispatcher: Dispatcher;
  readonly #commits: Commits;

  constructor(context: BrokerContext, dispatcher: Dispatcher, commits: Commits) {
    this.#context = context;
    this.#dispatcher = dispatcher;
    this.#commits = commits;
  }

  /** From a client. `token` is settled exactly once; 0 at QoS 0. */
  publish(entry: SessionEntry, message: ApplicationMessage, token: number): void {
    if (!this.#isAllowed(entry, message)) {
      this.#refuse(entry, token);
      return;
    }
    const expectedVersion = expectedVersionOf(message);
    if (expectedVersion !== undefined && (expectedVersion === "malformed" || token === 0)) {
      this.#refuseCondition(entry, token);
      return;
    }
    const plan = this.#planOf(message, expectedVersion);
    const { connection } = entry;
    if (plan !== null && token !== 0) {
      const waiting: WaitingPublish = { message, token, connection, outcome: null };
      entry.publishes.push(waiting);
      this.#pauseIfFull(entry);
      this.#commits.commit(message, plan, fenceOf(entry), (outcome) => {
        waiting.outcome = outcome;
        this.#settleReady(entry);
      });
      return;
    }
    // QoS 0 promises nothing: it goes to the log for those who ask later, and out at once. No fence, because its client may
    // say goodbye in the same breath, and its claim be gone before the batch.
    if (plan !== null) this.#commits.commit(message, plan, "none", null);
    if (entry.publishes.length === 0) {
      this.#finish(entry, message, token);
      return;
    }
    const outcome: CommitOutcome = { status: "committed", version: 0 };
    entry.publishes.push({ message, token, connection, outcome });
    this.#pauseIfFull(entry);
  }

  /** From the broker itself: Wills and the HTTP API. `done` may be null at QoS 0. */
  publishOwn(
    message: ApplicationMessage,
    done: ((outcome: CommitOutcome, matched: number) => void) | null,
    expectedVersion?: number,
  ): void {
    const plan = this.#planOf(message, expectedVersion);
    if (plan === null || message.qos === 0) {
      if (plan !== null) this.#commits.commit(message, plan, "none", null);
      const matched = this.#dispatcher.dispatch(message);
      done?.({ status: "committed", version: 0 }, matched);
      return;
    }
    this.#commitOwn(message, plan, done);
  }

  #planOf(message: ApplicationMessage, expectedVersion: number | undefined): LogPlan | null {
    const plan = this.#commits.plan(message);
    return plan === null || expectedVersion === undefined ? plan : { ...plan, expectedVersion };
  }

  #commitOwn(
    message: ApplicationMessage,
    plan: LogPlan,
    done: ((outcome: CommitOutcome, matched: number) => void) | null,
  ): void {
    this.#commits.commit(message, plan, "none", (outcome) => {
      if (outcome.status === "committed") {
        // On a line of its own: `done?.(dispatch())` would not dispatch for those who do not ask.
        const matched = this.#dispatcher.dispatch(versioned(message, outcome.version));
        done?.(outcome, matched);
        return;
      }
      this.#context.counters.publishDropped++;
      done?.(outcome, 0);
    });
  }

  #isAllowed(entry: SessionEntry, message: ApplicationMessage): boolean {
    // $SYS is what this broker says about itself.
    if (message.topic.startsWith("$SYS/")) return false;
    return this.#context.authorizer.canPublish(entry.identity, message.topic);
  }

  #refuse(entry: SessionEntry, token: number): void {
    this.#context.counters.publishNotAuthorized++;
    this.#context.counters.publishDropped++;
    if (token === 0) return;
    // MQTT 3.1.1 cannot say no: it acknowledges and drops (section 3.3.5).
    const isMqtt5 = entry.session.protocolVersion === 5;
    entry.session.publishSettled(token, isMqtt5 ? ReasonCode.notAuthorized : ReasonCode.success);
  }

  /** A condition that cannot be read, or whose outcome nobody would hear of (QoS 0): nothing is written. */
  #refuseCondition(entry: SessionEntry, token: number): void {
    this.#context.counters.publishDropped++;
    this.#context.counters.publishConflicts++;
    if (token !== 0) entry.session.publishSettled(token, ReasonCode.implementationSpecificError);
  }

  #settleReady(entry: SessionEntry): void {
    for (const publish of entry.publishes.takeSettled()) {
      const { message, token, outcome } = publish;
      if (outcome?.status === "committed") {
        const isVersioned = outcome.version > 0;
        const sent = isVersioned ? versioned(message, outcome.version) : message;
        this.#finish(entry, sent, token);
      } else this.#fail(entry, publish);
    }
    this.#resumeIfRoom(entry);
  }

  #finish(entry: SessionEntry, message: ApplicationMessage, token: number): void {
    const matched = this.#dispatcher.dispatch(message);
    if (token === 0) return;
    const isUnheard = matched === 0 && entry.session.protocolVersion === 5;
    const reasonCode = isUnheard ? ReasonCode.noMatchingSubscribers : ReasonCode.success;
    entry.session.publishSettled(token, reasonCode);
  }

  /** Not acknowledged: the client moves on to a node that can, and sends again. */
  #fail(entry: SessionEntry, { token, connection, outcome }: WaitingPublish): void {
    const { counters } = this.#context;
    const isTimeout = outcome?.status === "timeout";
    counters.publishDropped++;
    if (outcome?.status === "conflict") {
      counters.publishConflicts++;
      entry.session.publishSettled(token, ReasonCode.implementationSpecificError);
      return;
    }
    if (isTimeout) counters.publishTimeouts++;
    else counters.publishOverloaded++;
    const { session } = entry;
    if (!isTimeout && session.protocolVersion === 5) {
      session.publishSettled(token, ReasonCode.quotaExceeded);
    } else if (entry.connection !== null && entry.connection === connection) {
      // 0x88 is a CONNACK code; its word in a DISCONNECT is 0x89 (table 3-13).
      const detail = isTimeout ? "no quorum: the message could not be stored" : "overloaded";
      session.disconnect(ReasonCode.serverBusy, detail);
    }
  }

  #pauseIfFull(entry: SessionEntry): void {
    const { publishes, connection } = entry;
    if (publishes.isReadingPaused || !connection) return;
    if (publishes.length < this.#context.limits.publishesWaitingMax) return;
    publishes.isReadingPaused = true;
    connection.pauseReading();
  }

  #resumeIfRoom(entry: SessionEntry): void {
    const { publishes, connection } = entry;
    if (!publishes.isReadingPaused) return;
    if (publishes.length > this.#context.limits.publishesWaitingMax / 2) return;
    publishes.isReadingPaused = false;
    connection?.resumeReading();
  }
}

/** Nothing that is acknowledged here comes after what the same client wrote elsewhere since. */
function fenceOf(entry: SessionEntry): Fence {
  return entry.epoch > 0 ? entry.epoch : "owner";
}

function versioned(message: ApplicationMessage, version: number): ApplicationMessage {
  return createMessage({ ...message, version });
}
