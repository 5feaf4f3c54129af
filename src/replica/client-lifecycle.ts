import type { CommandContext, NodeId, StateWriter } from "#cluster";
import type { ApplicationMessage } from "../mqtt/message.ts";
import type { ClientEntry, ClientView, EndedClient, OwnerChange } from "./client-view.ts";
import type { ReplicaLimits } from "./limits.ts";
import type { ClaimResult, Command, Will } from "./replica-api.ts";
import type { SessionView } from "./sessions/session-view.ts";
import type { WillsView } from "./wills-view.ts";

type CommandOf<T extends Command["type"]> = Extract<Command, { type: T }>;

export interface LifecycleParts {
  readonly clients: ClientView;
  readonly sessions: SessionView;
  readonly wills: WillsView;
  readonly limits: ReplicaLimits;
  /** A Will is due. */
  readonly publish: (
    message: ApplicationMessage,
    context: CommandContext,
    writer: StateWriter,
  ) => void;
  readonly ownerChanged: (change: OwnerChange) => void;
  /** A client came or went. */
  readonly seen: (clientId: string, context: CommandContext, writer: StateWriter) => void;
}

/**
 * How connections begin and end as the log sees it, and what that means for their sessions and Wills. A Will is published by the
 * log itself, once, whichever node its client was on and whether that node lives [MQTT-3.1.2-8].
 */
export class ClientLifecycle {
  readonly #parts: LifecycleParts;

  constructor(parts: LifecycleParts) {
    this.#parts = parts;
  }

  claim(command: CommandOf<"claim">, context: CommandContext, writer: StateWriter): ClaimResult {
    const { clients, sessions, wills, ownerChanged } = this.#parts;
    const { clientId, cleanStart, expirySeconds, will = null, bounds } = command;
    const nodeId = context.origin;
    const isRoomNeeded = expirySeconds > 0 && sessions.get(clientId) === null;
    const claimed =
      isRoomNeeded && !sessions.hasRoom()
        ? null
        : clients.claim(clientId, expirySeconds, will, nodeId, writer);
    if (claimed === null) return { epoch: 0, previous: null, isSessionPresent: false };
    const { epoch, previous } = claimed;
    // The session ends with a clean start, with a connection whose interval is 0, and with its interval, though no tick said so yet.
    const isEnded =
      cleanStart ||
      (previous !== null && previous.expirySeconds === 0) ||
      sessions.isOver(clientId, context.timeMs);
    const isDue = isEnded || wills.isDue(clientId, context.timeMs);
    this.#delayedWill(clientId, isDue, context, writer);
    if (previous?.will) this.#willOfTakenOver(previous.will, isEnded, context, writer);
    const claim = { epoch, isEnded, expirySeconds, bounds };
    const isSessionPresent = sessions.connect(clientId, claim, context, writer);
    this.#parts.seen(clientId, context, writer);
    if (previous === null) return { epoch, previous: null, isSessionPresent };
    const owner = { nodeId: previous.nodeId, epoch: previous.epoch };
    ownerChanged({ clientId, owner: { nodeId, epoch }, previous: owner });
    return { epoch, previous: owner, isSessionPresent };
  }

  /** False when its claim is not the newest. */
  disconnect(
    command: CommandOf<"disconnect">,
    context: CommandContext,
    writer: StateWriter,
  ): boolean {
    const { clientId, epoch, expirySeconds, isWillWanted, sentSeq } = command;
    const entry = this.#parts.clients.release(clientId, epoch, context.origin, writer);
    if (entry === null) return false;
    const will = isWillWanted ? entry.will : null;
    this.#ended({ ...entry, clientId, expirySeconds, will }, sentSeq, context, writer);
    return true;
  }

  nodeStarted(
    nodeId: NodeId,
    incarnation: number,
    context: CommandContext,
    writer: StateWriter,
  ): void {
    this.#lost(this.#parts.clients.nodeStarted(nodeId, incarnation, writer), context, writer);
  }

  nodeRemoved(nodeId: NodeId, context: CommandContext, writer: StateWriter): void {
    this.#lost(this.#parts.clients.nodeRemoved(nodeId, writer), context, writer);
  }

  nodeDown(
    { nodeId, incarnation }: CommandOf<"node-down">,
    context: CommandContext,
    writer: StateWriter,
  ): void {
    this.#lost(this.#parts.clients.nodeDown(nodeId, incarnation, writer), context, writer);
  }

  /** An operator ends a session; its client, if connected, hears of it from its node. */
  endSession(clientId: string, context: CommandContext, writer: StateWriter): boolean {
    const { clients, sessions, ownerChanged } = this.#parts;
    const entry = clients.remove(clientId, writer);
    if (entry !== null) {
      this.#ended({ ...entry, clientId, expirySeconds: 0 }, null, context, writer);
      ownerChanged({ clientId, owner: null, previous: ownerOf(entry) });
      return true;
    }
    const session = sessions.get(clientId);
    if (session === null) return false;
    this.#delayedWill(clientId, true, context, writer);
    sessions.end(session, context, writer);
    return true;
  }

  /** Wills whose delay is over and sessions whose interval is: of each a bounded number. */
  purge(context: CommandContext, writer: StateWriter): void {
    const { wills, sessions, limits } = this.#parts;
    for (let count = 0; count < limits.expiredPerApplyMax; count++) {
      const clientId = wills.firstDue(context.timeMs);
      if (clientId === null) break;
      this.#delayedWill(clientId, true, context, writer);
    }
    for (let count = 0; count < limits.expiredPerApplyMax; count++) {
      if (!sessions.endExpired(context, writer)) break;
    }
    sessions.purgeTooOld(context.timeMs, writer);
  }

  /** Connections that ended without a word; all of them before the first Will, which must not wait for one of them. */
  #lost(clients: readonly EndedClient[], context: CommandContext, writer: StateWriter): void {
    const { sessions } = this.#parts;
    const isStored = clients.map(({ clientId, expirySeconds }) => {
      const session = sessions.get(clientId);
      if (session === null) return false;
      sessions.disconnect(session, { expirySeconds, sentSeq: null }, context, writer);
      return true;
    });
    for (const [at, entry] of clients.entries()) {
      this.#parts.seen(entry.clientId, context, writer);
      this.#willOfEnded(entry, isStored[at] === true, context, writer);
      this.#parts.ownerChanged({
        clientId: entry.clientId,
        owner: null,
        previous: ownerOf(entry),
      });
    }
  }

  #ended(
    entry: EndedClient,
    sentSeq: number | null,
    context: CommandContext,
    writer: StateWriter,
  ): void {
    const { sessions } = this.#parts;
    const { clientId, expirySeconds } = entry;
    const session = sessions.get(clientId);
    if (session !== null) {
      sessions.disconnect(session, { expirySeconds, sentSeq }, context, writer);
    }
    this.#parts.seen(clientId, context, writer);
    this.#willOfEnded(entry, session !== null, context, writer);
  }

  #willOfEnded(
    { clientId, expirySeconds, will }: EndedClient,
    isStored: boolean,
    context: CommandContext,
    writer: StateWriter,
  ): void {
    const { wills, publish } = this.#parts;
    if (will === null) return;
    const delaySeconds = Math.min(will.delaySeconds, isStored ? expirySeconds : 0);
    if (delaySeconds === 0) publish(will.message, context, writer);
    else wills.delay(clientId, will.message, context.timeMs + delaySeconds * 1000, writer);
  }

  /** The connection is gone without a goodbye, but its client is back: only a delay keeps the Will [MQTT-3.1.3-9]. */
  #willOfTakenOver(
    { message, delaySeconds }: Will,
    isSessionEnded: boolean,
    context: CommandContext,
    writer: StateWriter,
  ): void {
    if (delaySeconds === 0 || isSessionEnded) this.#parts.publish(message, context, writer);
  }

  #delayedWill(
    clientId: string,
    isDue: boolean,
    context: CommandContext,
    writer: StateWriter,
  ): void {
    const message = this.#parts.wills.take(clientId, writer);
    if (message !== null && isDue) this.#parts.publish(message, context, writer);
  }
}

function ownerOf({ nodeId, epoch }: ClientEntry): { nodeId: NodeId; epoch: number } {
  return { nodeId, epoch };
}
