import type { NodeId } from "#cluster";
import type { ApplicationMessage } from "../mqtt/message.ts";
import type { OwnerChange } from "./client-view.ts";
import type { ClientOwner } from "./replica-api.ts";
import type { QueuedMessage } from "./sessions/stored-session.ts";

export type OwnerChangedHandler = (
  clientId: string,
  owner: ClientOwner | null,
  previous: ClientOwner,
) => void;

export type PublishedHandler = (message: ApplicationMessage, origin: NodeId) => void;

/** Who hears of what the log does. One that throws must not stop `apply`, which would end the process: it is counted. */
export class ReplicaListeners {
  readonly owner: OwnerChangedHandler[] = [];
  readonly queued: ((entry: QueuedMessage) => void)[] = [];
  readonly discarded: ((entry: QueuedMessage) => void)[] = [];
  readonly published: PublishedHandler[] = [];
  readonly replaced: (() => void)[] = [];
  readonly #failed: () => void;

  constructor(failed: () => void) {
    this.#failed = failed;
  }

  tellOwner({ clientId, owner, previous }: OwnerChange): void {
    for (const handler of this.owner) this.#guard(() => handler(clientId, owner, previous));
  }

  tellQueued(entry: QueuedMessage): void {
    for (const handler of this.queued) this.#guard(() => handler(entry));
  }

  tellDiscarded(entry: QueuedMessage): void {
    for (const handler of this.discarded) this.#guard(() => handler(entry));
  }

  tellPublished(message: ApplicationMessage, origin: NodeId): void {
    for (const handler of this.published) this.#guard(() => handler(message, origin));
  }

  tellReplaced(): void {
    for (const handler of this.replaced) this.#guard(handler);
  }

  #guard(tell: () => void): void {
    try {
      tell();
    } catch {
      this.#failed();
    }
  }
}
