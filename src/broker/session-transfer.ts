import type { Cancel, NodeId } from "#cluster";
import { ByteReader } from "../replica/byte-reader.ts";
import { ByteWriter } from "../replica/byte-writer.ts";
import type { ClientOwner } from "../replica/replica-api.ts";
import type { SessionSnapshot } from "../session/session-api.ts";
import type { BrokerContext } from "./context.ts";
import { decodeSession, encodeSession } from "./session-codec.ts";
import type { SessionEntry } from "./session-entry.ts";
import type { SessionLifecycle } from "./session-lifecycle.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { SubscribeFlow } from "./subscribe.ts";
import type { Wills } from "./wills.ts";

const requestKind = "session-transfer";
const nothing = new Uint8Array(0);

interface Export {
  readonly entry: SessionEntry;
  readonly cancel: Cancel;
}

/**
 * Sessions that move with their client. The old node disconnects it when it sees the new owner in the log, goes on
 * collecting for a while, and hands everything over when the new node asks.
 */
export class SessionTransfers {
  readonly #context: BrokerContext;
  readonly #registry: SessionRegistry;
  readonly #lifecycle: SessionLifecycle;
  readonly #subscriptions: SubscribeFlow;
  readonly #wills: Wills;
  readonly #exports = new Map<string, Export>();

  constructor(
    context: BrokerContext,
    registry: SessionRegistry,
    lifecycle: SessionLifecycle,
    subscriptions: SubscribeFlow,
    wills: Wills,
  ) {
    this.#context = context;
    this.#registry = registry;
    this.#lifecycle = lifecycle;
    this.#subscriptions = subscriptions;
    this.#wills = wills;
  }

  /** `whenInstalled`: a session of this client that is just coming in must be here before it can leave. */
  start(whenInstalled: (clientId: string, epoch: number) => Promise<void>): void {
    const { replica, clock } = this.#context;
    // Not while the log is being applied: ending a connection may propose a Will.
    replica.onOwnerChanged((clientId, owner, _previous, isCleanStart) => {
      clock.endOfTurn(() => this.#ownerChanged(clientId, owner, isCleanStart));
    });
    this.#context.cluster.onRequest(requestKind, async (_from: NodeId, payload) => {
      const reader = new ByteReader(payload);
      const clientId = reader.string();
      const epoch = reader.number();
      if (!reader.isSound) return nothing;
      await whenInstalled(clientId, epoch);
      return this.#handOver(clientId, epoch);
    });
  }

  /** Gives up a session to the owner that the log names. */
  disown(entry: SessionEntry): void {
    this.#lifecycle.takeOver(entry);
    // A session that ends with its connection is gone by now.
    if (entry.isGone) return;
    this.#lifecycle.leave(entry);
    this.#makeRoom();
    const cancel = this.#context.wheel.after(this.#context.limits.sessionExportMs, () => {
      // Nobody asked for it: the client started clean elsewhere, so this session has ended.
      this.#drop(entry.clientId);
    });
    this.#drop(entry.clientId);
    this.#exports.set(entry.clientId, { entry, cancel });
  }

  /** The session as its old node has it; null when it is lost. */
  async fetch(clientId: string, previous: ClientOwner): Promise<SessionSnapshot | null> {
    const { cluster, counters, limits, log } = this.#context;
    const owner = cluster.members().find((member) => member.nodeId === previous.nodeId);
    if (!owner || owner.state === "down") {
      counters.sessionTransfersFailed++;
      return null;
    }
    const writer = new ByteWriter();
    writer.string(clientId);
    writer.number(previous.epoch);
    try {
      const answer = await cluster.request(
        previous.nodeId,
        requestKind,
        writer.finish(),
        limits.sessionTransferMs,
      );
      if (answer.length === 0) return null;
      const snapshot = decodeSession(answer);
      counters.sessionTransfersIn++;
      return snapshot;
    } catch (error) {
      counters.sessionTransfersFailed++;
      log.warn({ error, clientId, node: owner.name }, "a session could not be fetched");
      return null;
    }
  }

  #ownerChanged(clientId: string, owner: ClientOwner, isCleanStart: boolean): void {
    if (isCleanStart) this.#drop(clientId);
    if (owner.nodeId === this.#context.cluster.nodeId) return;
    const entry = this.#registry.get(clientId);
    if (!entry || entry.epoch >= owner.epoch) return;
    if (isCleanStart) this.#end(entry);
    else this.disown(entry);
  }

  /** Nobody will ask for it. A Will that waits for its delay waits no longer than its session [MQTT-3.1.2-8]. */
  #end(entry: SessionEntry): void {
    this.#lifecycle.takeOver(entry);
    if (entry.isGone) return;
    this.#lifecycle.leave(entry);
    this.#subscriptions.removeAll(entry);
    this.#wills.publishNow(entry);
  }

  #handOver(clientId: string, epoch: number): Uint8Array {
    // The new owner may have applied its claim before this node did.
    const present = this.#registry.get(clientId);
    if (present && present.epoch <= epoch) this.disown(present);
    const exported = this.#exports.get(clientId);
    if (!exported || exported.entry.epoch > epoch) return nothing;
    const snapshot = encodeSession(exported.entry.session.snapshot());
    this.#context.counters.sessionTransfersOut++;
    this.#wills.cancel(exported.entry);
    this.#drop(clientId);
    return snapshot;
  }

  #makeRoom(): void {
    if (this.#exports.size < this.#context.limits.sessionExportsMax) return;
    const oldest = this.#exports.keys().next().value;
    if (oldest === undefined) return;
    this.#context.counters.sessionExportsDropped++;
    this.#drop(oldest);
  }

  #drop(clientId: string): void {
    const exported = this.#exports.get(clientId);
    if (!exported) return;
    this.#exports.delete(clientId);
    exported.cancel();
    this.#subscriptions.removeAll(exported.entry);
    this.#wills.publishNow(exported.entry);
  }
}
