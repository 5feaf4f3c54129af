import type { InterestUpdate } from "../routing/routing-api.ts";
import type { BrokerContext } from "./context.ts";
import type { Dispatcher } from "./dispatch.ts";

/** What this node wants goes to the cluster; what the others want, and whether they live, comes to the router. */
export class Interest {
  readonly #context: BrokerContext;

  constructor(context: BrokerContext) {
    this.#context = context;
  }

  start(dispatcher: Dispatcher): void {
    const { cluster, router } = this.#context;
    cluster.onInterest({
      changed: (nodeId, changes) => {
        for (const { key, weight } of changes) router.setRemoteInterest(nodeId, key, weight);
      },
      cleared: (nodeId) => router.clearRemoteInterest(nodeId),
    });
    cluster.onMembersChanged(() => this.#suspendTheMissing());
    this.#suspendTheMissing();
    cluster.onForward((_from, frame) => dispatcher.receiveForward(frame));
  }

  /** `$SYS` is never forwarded, so nobody needs to hear who wants it. */
  declare(update: InterestUpdate | null): void {
    if (update === null || update.key.startsWith("$SYS/")) return;
    this.#context.cluster.setInterest(update.key, update.weight);
  }

  #suspendTheMissing(): void {
    for (const member of this.#context.cluster.members()) {
      if (!member.isSelf) {
        this.#context.router.setSuspended(member.nodeId, member.state !== "up");
      }
    }
  }
}
