import { expect } from "vitest";
import type { CommandContext } from "#cluster";
import type { ApplicationMessage } from "../../src/mqtt/message.ts";
import { encodeCommand } from "../../src/replica/commands.ts";
import { type ReplicaLimits, replicaLimits } from "../../src/replica/limits.ts";
import { Replica } from "../../src/replica/replica.ts";
import type { ClaimResult, Command, Will } from "../../src/replica/replica-api.ts";
import type { SessionSettlement } from "../../src/replica/sessions/session-commands.ts";
import type { StoredSession } from "../../src/replica/sessions/stored-session.ts";
import type { Subscription } from "../../src/session/session-api.ts";
import { context, message, nodeIds, RecordStore, restoreFrom } from "./replica-model.ts";

type CommandOf<T extends Command["type"]> = Extract<Command, { type: T }>;

/**
 * A log with two replicas: one that lives, and one that starts anew from its records before every entry. They must agree after each,
 * whatever a test is about.
 */
export class SessionLog {
  readonly replica: Replica;
  readonly #store = new RecordStore();
  readonly #restarting = new RecordStore();
  readonly #limits: ReplicaLimits;
  #restarted: Replica;
  /** Payloads of what the log published itself. */
  readonly wills: string[] = [];
  index = 0;
  timeMs = 1_000_000;

  constructor(limits: Partial<ReplicaLimits> = {}) {
    this.#limits = {
      ...replicaLimits,
      // As if nobody had anything under way: what a test bounds is bounded.
      underWayMessagesMax: 0,
      underWaySizeBytesMax: 0,
      ...limits,
    };
    this.replica = new Replica(this.#limits);
    this.#restarted = new Replica(this.#limits);
    this.replica.onPublished(({ payload }) => this.wills.push(payload.toString()));
  }

  /** In an entry of its own; `isSameEntry`: behind the command before. */
  apply(command: Command, origin: string = nodeIds[0], isSameEntry = false): unknown {
    const bytes = encodeCommand(command);
    if (!isSameEntry) this.#begin();
    return this.#both((replica, at, store) => replica.apply(bytes, { ...at, origin }, store));
  }

  nodeStarted(nodeId: string, incarnation: number): void {
    this.#begin();
    this.#both((replica, at, store) => replica.nodeStarted(nodeId, incarnation, at, store));
  }

  claim(
    clientId: string,
    more: Partial<CommandOf<"claim">> & { readonly will?: Will } = {},
    origin?: string,
  ): ClaimResult {
    const usual = { type: "claim", clientId, cleanStart: false, expirySeconds: 600 } as const;
    return this.apply({ ...usual, ...more }, origin) as ClaimResult;
  }

  subscribe(clientId: string, filter: string, more: Partial<Subscription> = {}): void {
    const options = {
      qos: 2,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    } as const;
    const subscription: Subscription = { filter, ...options, identifier: 0, ...more };
    const { epoch } = this.session(clientId);
    this.apply({ type: "subscribe", clientId, epoch, subscriptions: [subscription] });
  }

  publish(
    topic: string,
    payload: string,
    more: Partial<ApplicationMessage> = {},
    command: Partial<CommandOf<"retain">> = {},
  ): unknown {
    const retain = more.retain ?? false;
    const published = message(topic, payload, { receivedAtMs: this.timeMs, ...more, retain });
    const type = retain ? "retain" : "publish";
    return this.apply({ message: published, updates: [], ...command, type } as Command);
  }

  settle(clientId: string, more: Partial<SessionSettlement>): void {
    const { epoch } = this.session(clientId);
    const nothing = { completed: [], received: [], released: [] };
    this.apply({ type: "settle", settlements: [{ clientId, epoch, ...nothing, ...more }] });
  }

  disconnect(clientId: string, more: Partial<CommandOf<"disconnect">> = {}): void {
    const epoch = this.replica.ownerOf(clientId)?.epoch ?? 0;
    const usual = { expirySeconds: 600, isWillWanted: true, sentSeq: 0 };
    const origin = this.replica.ownerOf(clientId)?.nodeId;
    this.apply({ type: "disconnect", clientId, epoch, ...usual, ...more }, origin);
  }

  tick(elapsedMs = 0): void {
    this.timeMs += elapsedMs;
    this.apply({ type: "tick" });
  }

  session(clientId: string): StoredSession {
    const session = this.replica.sessions.get(clientId);
    if (session === null) throw new Error(`no session of ${clientId}`);
    return session;
  }

  /** `place=payload`, in the order of the queue. */
  queue(clientId: string): string[] {
    return [...this.session(clientId).queue.values()].map(
      ({ seq, stored }) => `${seq}=${stored.message.payload.toString()}`,
    );
  }

  payloads(clientId: string): string[] {
    return this.queue(clientId).map((place) => place.slice(place.indexOf("=") + 1));
  }

  recordSizeBytes(prefix: string): number {
    const records = [...this.#store.records].filter(([key]) => key.startsWith(prefix));
    return records.reduce((sum, [, value]) => sum + value.length, 0);
  }

  #begin(): void {
    this.index++;
    this.#restarted = new Replica(this.#limits);
    restoreFrom(this.#restarted, this.#restarting, (keys) => keys.toSorted());
  }

  #both(run: (replica: Replica, at: CommandContext, store: RecordStore) => unknown): unknown {
    const at = context(this.index, { timeMs: this.timeMs });
    const result = run(this.replica, at, this.#store);
    expect(run(this.#restarted, at, this.#restarting)).toEqual(result);
    expect(this.#restarted.digest()).toBe(this.replica.digest());
    expect(this.#restarting.records).toEqual(this.#store.records);
    return result;
  }
}
