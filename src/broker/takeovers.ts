import type { NodeId } from "#cluster";
import { ByteReader } from "../replica/byte-reader.ts";
import { ByteWriter } from "../replica/byte-writer.ts";
import type { ClientOwner } from "../replica/replica-api.ts";
import type { BrokerContext } from "./context.ts";
import type { SessionLifecycle } from "./session-lifecycle.ts";
import type { SessionRegistry } from "./session-registry.ts";
import type { Settlements } from "./settlements.ts";

const requestKind = "connection-close";
const nothing = new Uint8Array(0);
/** What the client had acknowledged there came to the log behind the newer claim. */
const settledMeanwhile = Uint8Array.of(1);

/**
 * One live connection per client identifier in the whole cluster. The log says whose it is; whoever has lost it closes its connection
 * (0x8E), and the new node waits for that as long as the old one can be expected to answer. One that hangs cannot write any more,
 * because its epoch is over.
 */
export class Takeovers {
  readonly #context: BrokerContext;
  readonly #registry: SessionRegistry;
  readonly #lifecycle: SessionLifecycle;
  readonly #settlements: Settlements;

  constructor(
    context: BrokerContext,
    registry: SessionRegistry,
    lifecycle: SessionLifecycle,
    settlements: Settlements,
  ) {
    this.#context = context;
    this.#registry = registry;
    this.#lifecycle = lifecycle;
    this.#settlements = settlements;
  }

  start(): void {
    const { replica, clock, cluster } = this.#context;
    // Not while the log is being applied: ending a connection proposes.
    // Also when the new owner is this node: nobody may be left of the CONNECT that its claim was for.
    replica.onOwnerChanged((clientId, _owner, previous) => {
      if (previous.nodeId !== cluster.nodeId) return;
      clock.endOfTurn(() => this.#close(clientId, previous.epoch));
    });
    cluster.onRequest(requestKind, async (_from: NodeId, payload) => {
      const reader = new ByteReader(payload);
      const clientId = reader.string();
      const epoch = reader.number();
      if (!reader.isSound) return nothing;
      this.#close(clientId, epoch);
      return (await this.#settlements.whenSettled(clientId)) ? settledMeanwhile : nothing;
    });
  }

  /** Resolves when the old connection is closed and the log knows what it acknowledged, or that cannot be expected. */
  async closeElsewhere(clientId: string, previous: ClientOwner): Promise<void> {
    const { cluster, counters, limits, log } = this.#context;
    if (previous.nodeId === cluster.nodeId) {
      await this.#settlements.whenSettled(clientId);
      return;
    }
    const owner = cluster.members().find((member) => member.nodeId === previous.nodeId);
    if (owner?.state !== "up") return;
    const writer = new ByteWriter();
    writer.string(clientId);
    writer.number(previous.epoch);
    try {
      const { takeoverMs } = limits;
      const answer = await cluster.request(
        previous.nodeId,
        requestKind,
        writer.finish(),
        takeoverMs,
      );
      if (answer[0] === settledMeanwhile[0]) await cluster.readBarrier(takeoverMs);
    } catch (error) {
      counters.takeoversUnanswered++;
      log.warn({ error, clientId, node: owner.name }, "an old connection may still be open");
    }
  }

  /** The connection of this claim or an older one. */
  #close(clientId: string, epoch: number): void {
    const entry = this.#registry.get(clientId);
    if (entry !== null && entry.epoch > 0 && entry.epoch <= epoch) this.#lifecycle.takeOver(entry);
  }
}
