import type { Cancel } from "#cluster";
import type { ApplicationMessage } from "../mqtt/message.ts";
import { matches, parseSharedFilter } from "../mqtt/topic.ts";
import type { Fence, Will } from "../replica/replica-api.ts";
import type { DeliveryOptions, SessionCore } from "../session/session-api.ts";
import type { Identity } from "./access.ts";
import type { Connection } from "./connection.ts";
import type { Destination } from "./destination.ts";
import { LogOrder } from "./log-order.ts";
import { PublishQueue } from "./publish-queue.ts";
import type { Writer } from "./waiting-updates.ts";

/** Holds back live messages of a fresh subscription until its retained messages are sent. */
export interface Hold {
  /** False: not of its subscriptions, deliver at once. Who keeps it takes `keptMessage`. */
  offer(message: ApplicationMessage, options: DeliveryOptions): boolean;
  /** The session may have room again. */
  pump(): void;
  /** These retained messages are not wanted any more. */
  unsubscribed(filter: string): void;
}

/** A session that is connected to this node, with everything the broker keeps beside it; the router's target. */
export class SessionEntry implements Destination {
  readonly clientId: string;
  readonly session: SessionCore;
  identity: Identity;
  /** Of the claim in the log; 0 while it is provisional. */
  epoch: number;
  connection: Connection | null = null;
  /** Its claim ended before its connection: the client connected again, here or elsewhere, or this node was taken for dead. */
  isTakenOver = false;
  /** Wall clock; and what the connection agreed on. */
  connectedAtMs = 0;
  keepAliveSeconds = 0;
  /** Of a connection without a place in the log, whose Will nobody else knows. */
  will: Will | null = null;
  /** The highest place in the stored queue that the session was given; 0 = none. */
  storedSeq = 0;
  /** Made when they are wanted, since most clients publish nothing and wait for nothing. */
  #publishes: PublishQueue | null = null;
  #logOrder: LogOrder | null = null;
  #writer: Writer | null = null;
  #holds: Hold[] | null = null;
  #holdTimers: Set<Cancel> | null = null;
  #isGone = false;

  constructor(session: SessionCore, identity: Identity, epoch: number) {
    this.clientId = session.clientId;
    this.session = session;
    this.identity = identity;
    this.epoch = epoch;
  }

  get publishes(): PublishQueue {
    this.#publishes ??= new PublishQueue();
    return this.#publishes;
  }

  get logOrder(): LogOrder {
    this.#logOrder ??= new LogOrder();
    return this.#logOrder;
  }

  /** Something of this client will go to the log when it has its turn. */
  get hasHeldWrites(): boolean {
    return this.#logOrder?.hasHeld === true;
  }

  /** Of device state; the same one as long as the claim is. */
  writerUnder(fence: Fence): Writer {
    if (this.#writer?.fence !== fence) this.#writer = { source: this.clientId, fence };
    return this.#writer;
  }

  /** True when it left the registry, with its connection. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** No timer of it is left behind, which would keep its queue and its socket in memory. */
  leave(): void {
    this.#isGone = true;
    for (const cancel of this.#holdTimers ?? []) cancel();
    this.#holdTimers = null;
  }

  get isStored(): boolean {
    return this.session.isStored;
  }

  get isAvailable(): boolean {
    return this.connection !== null && !this.connection.isCongested();
  }

  deliver(message: ApplicationMessage, options: DeliveryOptions, nowMs: number): void {
    if (this.#holds?.some((hold) => hold.offer(message, options)) === true) return;
    this.session.deliver(message, options, nowMs);
  }

  addHold(hold: Hold): void {
    this.#holds ??= [];
    this.#holds.push(hold);
  }

  /** A hold until `start` calls back; not for a session that is gone. */
  addTimedHold(hold: Hold, start: (end: () => void) => Cancel): void {
    this.addHold(hold);
    const cancel = start(() => {
      if (this.#holdTimers?.delete(cancel) && this.#holdTimers.size === 0) this.#holdTimers = null;
      this.removeHold(hold);
    });
    this.#holdTimers ??= new Set();
    this.#holdTimers.add(cancel);
  }

  removeHold(hold: Hold): void {
    const holds = this.#holds;
    const at = holds === null ? -1 : holds.indexOf(hold);
    if (holds === null || at < 0) return;
    holds.splice(at, 1);
    if (holds.length === 0) this.#holds = null;
  }

  pumpHolds(): void {
    for (const hold of this.#holds ?? []) hold.pump();
  }

  forgetRetained(filter: string): void {
    for (const hold of this.#holds ?? []) hold.unsubscribed(filter);
  }

  /** Does a subscription other than `except` match? Shared ones count by their filter. */
  hasSubscriptionFor(topic: string, except: ReadonlySet<string>): boolean {
    for (const filter of this.session.subscriptions.keys()) {
      if (except.has(filter)) continue;
      if (matches(parseSharedFilter(filter)?.filter ?? filter, topic)) return true;
    }
    return false;
  }
}
