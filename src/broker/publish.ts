import type { PublishResult } from "../api/ports.ts";
import { type ApplicationMessage, withVersion } from "../mqtt/message.ts";
import { keptMessage } from "../mqtt/passing-message.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";
import type { AttributeUpdate, Fence } from "../replica/replica-api.ts";
import { type Commits, isStateOnly, type LogPlan } from "./commits.ts";
import type { BrokerContext } from "./context.ts";
import type { Dispatcher } from "./dispatch.ts";
import { expectedVersionOf } from "./expected-version.ts";
import { LogOrder } from "./log-order.ts";
import type { CommitOutcome, WaitingPublish } from "./publish-queue.ts";
import { ReadGate } from "./read-gate.ts";
import type { SessionEntry } from "./session-entry.ts";
import type { ShadowTopic } from "./shadow-topics.ts";
import type { Shadows } from "./shadows.ts";
import { StatePublish, type StatePublishFlow } from "./state-publish.ts";
import { keysOf, UnfencedWrites } from "./unfenced-writes.ts";
import { keyOf } from "./waiting-updates.ts";

/**
 * The way of a PUBLISH: allowed? Does its acknowledgement promise the log? Then commit, dispatch, acknowledge, in this
 * order and in the publisher's order (DESIGN section 6). That it promises nothing, because nobody stored waits for it, is only true in
 * step with the log.
 */
export class PublishFlow implements StatePublishFlow {
  readonly #context: BrokerContext;
  readonly #dispatcher: Dispatcher;
  readonly #commits: Commits;
  readonly #unfenced: UnfencedWrites;
  readonly #shadows: Shadows;
  readonly #gate: ReadGate;

  constructor(context: BrokerContext, dispatcher: Dispatcher, commits: Commits, shadows: Shadows) {
    this.#context = context;
    this.#dispatcher = dispatcher;
    this.#commits = commits;
    this.#unfenced = new UnfencedWrites(context, commits);
    this.#shadows = shadows;
    this.#gate = new ReadGate(context);
  }

  /** From a client. `token` is settled exactly once; 0 at QoS 0. `packetId` is that of a QoS 2 message, else 0. */
  publish(entry: SessionEntry, message: ApplicationMessage, token: number, packetId: number): void {
    if (!this.#isAllowed(entry, message)) {
      this.#refuse(entry, token);
      return;
    }
    const expectedVersion = expectedVersionOf(message);
    if (expectedVersion !== undefined && (expectedVersion === "malformed" || token === 0)) {
      this.#refuseCondition(entry, token);
      return;
    }
    const shadow = this.#shadows.topics.parse(message.topic);
    if (shadow !== null && shadow !== "reserved") this.#askShadow(entry, message, shadow);
    const qos2PacketId = entry.session.isStored ? packetId : 0;
    const plan = this.#planOf(message, qos2PacketId, expectedVersion);
    if (token === 0) this.#publishQos0(entry, message, plan);
    else this.#publishPromised(entry, message, token, plan);
  }

  /** Behind what its publisher wrote before, as the request may write any of it. */
  #askShadow(entry: SessionEntry, message: ApplicationMessage, topic: ShadowTopic): void {
    const asker = { source: message.publisherId, fence: fenceOf(entry) };
    if (!entry.hasHeldWrites) {
      this.#shadows.received(topic, message.payload, asker);
      return;
    }
    const { payload } = keptMessage(message);
    entry.logOrder.afterHeld("all", () => this.#shadows.received(topic, payload, asker));
  }

  /** From the broker itself: Wills and the HTTP API. `done` may be null at QoS 0. */
  publishOwn(
    message: ApplicationMessage,
    done: PublishDone | null,
    expectedVersion?: number,
  ): void {
    const plan = this.#planOf(message, 0, expectedVersion);
    if (message.qos === 0) {
      if (plan !== null) this.#commits.commit(message, plan, "none", null);
      const matched = this.#dispatcher.dispatch(message);
      done?.(unlogged, matched, matched > 0 ? "delivered" : "nobody");
      return;
    }
    this.#decide(message, plan, "none", new LogOrder(), (outcome, isForSessions) => {
      if (outcome.status === "committed") {
        // On a line of its own: `done?.(dispatch())` would not dispatch for those who do not ask.
        const matched = this.#dispatcher.dispatch(withVersion(message, outcome.version));
        const delivery = matched > 0 ? "delivered" : isForSessions ? "queued" : "nobody";
        // Sessions that are away are not counted one by one.
        done?.(outcome, Math.max(matched, isForSessions ? 1 : 0), delivery);
        return;
      }
      this.#context.counters.publishDropped++;
      done?.(outcome, 0, "nobody");
    });
  }

  /**
   * QoS 0 promises nothing: it goes to the log for those who ask later, and out at once. No fence, because its client may say goodbye
   * in the same breath, and its claim be gone before the batch.
   */
  #publishQos0(entry: SessionEntry, message: ApplicationMessage, plan: LogPlan | null): void {
    if (plan !== null) this.#unfenced.commit(entry, message, plan);
    if (entry.publishes.isClear) {
      this.#dispatcher.dispatchAtOnce(message);
      return;
    }
    const { connection } = entry;
    const waiting: WaitingPublish = {
      message: keptMessage(message),
      token: 0,
      connection,
      receivedAtMs: 0,
      isForSessions: false,
      dispatched: null,
      outcome: unlogged,
    };
    entry.publishes.push(waiting);
    this.#pauseIfFull(entry);
  }

  #publishPromised(
    entry: SessionEntry,
    message: ApplicationMessage,
    token: number,
    plan: LogPlan | null,
  ): void {
    if (plan === null && entry.publishes.length === 0 && this.#context.cluster.isInStep()) {
      this.#publishUnlogged(entry, message, token);
      return;
    }
    const update = plan?.update ?? null;
    if (plan !== null && update !== null && isStateOnly(plan)) {
      this.#publishState(entry, message, token, update);
      return;
    }
    const { connection } = entry;
    // At QoS 1 nobody minds a message that comes again, so those who are here need not wait for what others acknowledged.
    const isAhead = plan === null && message.qos === 1 && entry.publishes.isClear;
    const dispatched = isAhead ? this.#dispatcher.dispatchAtOnce(message) : null;
    const waiting: WaitingPublish = {
      message,
      token,
      connection,
      receivedAtMs: connection?.receivedAtMs ?? this.#context.clock.monotonicMs(),
      isForSessions: false,
      dispatched,
      outcome: null,
    };
    entry.publishes.push(waiting);
    this.#pauseIfFull(entry);
    this.#decide(message, plan, fenceOf(entry), entry.logOrder, (outcome, isForSessions) => {
      waiting.outcome = outcome;
      waiting.isForSessions = isForSessions;
      this.#settleReady(entry);
    });
  }

  /** The same as below for what is most of all that goes to the log, with one object for each. */
  #publishState(
    entry: SessionEntry,
    message: ApplicationMessage,
    token: number,
    update: AttributeUpdate,
  ): void {
    const receivedAtMs = entry.connection?.receivedAtMs ?? this.#context.clock.monotonicMs();
    const fence = fenceOf(entry);
    const publish = new StatePublish(this, entry, message, token, fence, receivedAtMs);
    entry.publishes.push(publish);
    this.#pauseIfFull(entry);
    const { logOrder } = entry;
    const isHeld = entry.hasHeldWrites && !logOrder.isFree([keyOf(update)]);
    if (isHeld) {
      logOrder.afterHeld([keyOf(update)], () =>
        this.#commits.commitState(message, update, entry.writerUnder(fence), publish),
      );
    }
    logOrder.add(publish);
    if (!isHeld) this.#commits.commitState(message, update, entry.writerUnder(fence), publish);
  }

  stateCommitted(publish: StatePublish, outcome: CommitOutcome): void {
    const { entry, message, fence } = publish;
    // Behind its own entry this node is in step with all that was acknowledged before.
    if (outcome.status !== "committed" || !this.#isStored(message)) {
      publish.outcome = outcome;
      this.#settleReady(entry);
      return;
    }
    publish.isForSessions = true;
    this.#commits.commit(message, forSessionsOnly, fence, (stored) => {
      publish.outcome = stored;
      this.#settleReady(entry);
    });
  }

  /** This node is in step with the log now and knows of nobody stored who waits: nothing is left to ask or to wait for. */
  #publishUnlogged(entry: SessionEntry, message: ApplicationMessage, token: number): void {
    if (this.#isFenced(message, fenceOf(entry))) {
      const { connection } = entry;
      const outcome = { status: "refused" } as const;
      this.#fail(entry, { token, connection, outcome });
      return;
    }
    this.#acknowledge(entry, token, this.#dispatcher.dispatchAtOnce(message) > 0);
    const { latency } = this.#context;
    if (entry.connection !== null) latency.atOnce(entry.connection.receivedAtMs);
  }

  /**
   * What is not planned for the log now may be after a look at what the others have acknowledged. `order` keeps what asks ahead of what
   * need not.
   */
  #decide(
    message: ApplicationMessage,
    plan: LogPlan | null,
    fence: Fence,
    order: LogOrder,
    decided: (outcome: CommitOutcome, isForSessions: boolean) => void,
  ): void {
    const commit = (known: LogPlan): void => {
      this.#commits.commit(message, known, fence, (outcome) =>
        decided(outcome, known.isForSessions),
      );
    };
    // What goes to the log as a message finds there who waits for it.
    if (plan !== null && (plan.isRetained || plan.isForSessions)) {
      if (order.isClear || (!plan.isForSessions && order.mayPass(message.topic))) commit(plan);
      else order.enter(keysOf(message, plan))(() => commit(plan));
      return;
    }
    if (plan === null && this.#context.partitionMode === "available") {
      decided(unlogged, false);
      return;
    }
    const proceed = order.enter();
    if (plan !== null) {
      // Behind its own entry this node is in step with all that was acknowledged before.
      this.#commits.commit(message, plan, fence, (outcome) => {
        proceed(() => {
          const isMissed = outcome.status === "committed" && this.#isStored(message);
          if (isMissed) commit(forSessionsOnly);
          else decided(outcome, false);
        });
      });
      return;
    }
    this.#gate.pass((isInStep) => {
      proceed(() => {
        if (!isInStep) decided({ status: "timeout" }, false);
        else if (this.#isStored(message)) commit(forSessionsOnly);
        else decided(this.#isFenced(message, fence) ? { status: "refused" } : unlogged, false);
      });
    });
  }

  #isStored({ topic }: ApplicationMessage): boolean {
    return this.#context.replica.sessions.isStored(topic);
  }

  /** As the log would see it: the client has been claimed elsewhere, and this connection ends within the turn. */
  #isFenced({ publisherId }: ApplicationMessage, fence: Fence): boolean {
    const isClaimed = typeof fence === "number";
    return isClaimed && this.#context.replica.ownerOf(publisherId)?.epoch !== fence;
  }

  #planOf(
    message: ApplicationMessage,
    qos2PacketId: number,
    expectedVersion: number | undefined,
  ): LogPlan | null {
    const plan = this.#commits.plan(message, qos2PacketId);
    return plan === null || expectedVersion === undefined ? plan : { ...plan, expectedVersion };
  }

  #isAllowed(entry: SessionEntry, message: ApplicationMessage): boolean {
    const { topic } = message;
    if (topic.charCodeAt(0) === DOLLAR) {
      // $SYS is what this broker says about itself.
      if (topic.startsWith("$SYS/")) return false;
      // So is the answer to a request: nobody else may seem to have given it.
      if (this.#shadows.topics.parse(topic) === "reserved") return false;
    }
    return this.#context.authorizer.canPublish(entry.identity, topic);
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
    const { publishes } = entry;
    for (let next = publishes.shiftSettled(); next !== null; next = publishes.shiftSettled()) {
      if (next.outcome?.status === "committed") this.#finish(entry, next, next.outcome);
      else this.#fail(entry, next);
    }
    this.#resumeIfRoom(entry);
  }

  #finish(entry: SessionEntry, publish: WaitingPublish, committed: Committed): void {
    const { message, token, isForSessions } = publish;
    const { version, isRepeated } = committed;
    const sent = version > 0 ? withVersion(message, version) : message;
    const matched = publish.dispatched ?? (isRepeated ? 1 : this.#dispatcher.dispatch(sent));
    if (token === 0) return;
    this.#acknowledge(entry, token, matched > 0 || isForSessions);
    this.#context.latency.later(publish.receivedAtMs);
  }

  #acknowledge({ session }: SessionEntry, token: number, isHeard: boolean): void {
    const isUnheard = !isHeard && session.protocolVersion === 5;
    const reasonCode = isUnheard ? ReasonCode.noMatchingSubscribers : ReasonCode.success;
    session.publishSettled(token, reasonCode);
  }

  /** Not acknowledged: the client moves on to a node that can, and sends again. */
  #fail(entry: SessionEntry, { token, connection, outcome }: Unacknowledged): void {
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

const DOLLAR = 0x24;

/** What became of a message of the broker's own. */
type PublishDone = (
  outcome: CommitOutcome,
  matched: number,
  delivery: PublishResult["delivery"],
) => void;

type Unacknowledged = Pick<WaitingPublish, "token" | "connection" | "outcome">;

type Committed = Extract<CommitOutcome, { status: "committed" }>;

/** What the log need not know of. */
const unlogged: Committed = { status: "committed", version: 0, isRepeated: false };

/** Of a message that nothing else brings to the log. */
const forSessionsOnly: LogPlan = {
  isRetained: false,
  isForSessions: true,
  qos2PacketId: 0,
  update: null,
};

/** Nothing that is acknowledged here comes after what the same client wrote elsewhere since. */
function fenceOf(entry: SessionEntry): Fence {
  return entry.epoch > 0 ? entry.epoch : "owner";
}
