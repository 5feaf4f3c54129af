import { encodeCommand } from "../replica/commands.ts";
import type { BrokerContext } from "./context.ts";
import type { Disconnects } from "./disconnects.ts";
import type { SessionRegistry } from "./session-registry.ts";

const retryMs = 1000;

/**
 * Claims that were given up before anybody knew whether the log has them. One that gets there after all has no connection behind it, and
 * its session would count as connected for as long as this node runs: it would not expire, and a group would go on giving to it.
 */
export class LostClaims {
  readonly #context: BrokerContext;
  readonly #registry: SessionRegistry;
  readonly #disconnects: Disconnects;
  /** By client: the session expiry interval that it asked for. */
  readonly #waiting = new Map<string, number>();
  #isUnderWay = false;

  constructor(context: BrokerContext, registry: SessionRegistry, disconnects: Disconnects) {
    this.#context = context;
    this.#registry = registry;
    this.#disconnects = disconnects;
  }

  /** `isBusy`: another claim of this client is on its way through this node, which settles the matter or comes here again. */
  add(clientId: string, expirySeconds: number, isBusy: (clientId: string) => boolean): void {
    const { limits, counters } = this.#context;
    if (this.#waiting.size >= limits.disconnectsWaitingMax) {
      counters.disconnectsDropped++;
      return;
    }
    this.#waiting.set(clientId, expirySeconds);
    this.#arm(isBusy);
  }

  #arm(isBusy: (clientId: string) => boolean): void {
    if (this.#isUnderWay || this.#waiting.size === 0) return;
    this.#isUnderWay = true;
    this.#context.wheel.after(retryMs, () => this.#ask(isBusy));
  }

  /** What this node proposes stands in the log in this order: behind a later command, the claims are there or never will be. */
  #ask(isBusy: (clientId: string) => boolean): void {
    const { cluster, limits } = this.#context;
    const asked = [...this.#waiting.keys()];
    cluster.propose(encodeCommand({ type: "tick" }), limits.commitTimeoutMs, (outcome) => {
      this.#isUnderWay = false;
      if (outcome.status === "applied") {
        for (const clientId of asked) if (!isBusy(clientId)) this.#end(clientId);
      } else if (outcome.reason === "stopped") this.#waiting.clear();
      this.#arm(isBusy);
    });
  }

  #end(clientId: string): void {
    const { replica, cluster } = this.#context;
    const expirySeconds = this.#waiting.get(clientId) ?? 0;
    this.#waiting.delete(clientId);
    const owner = replica.ownerOf(clientId);
    if (owner?.nodeId !== cluster.nodeId) return;
    const { epoch } = owner;
    if (this.#registry.get(clientId)?.epoch === epoch) return;
    // It never was accepted, so its Will is not wanted.
    this.#disconnects.tell({ clientId, epoch, expirySeconds, isWillWanted: false, sentSeq: 0 });
  }
}
