import type { CommandContext, StateWriter } from "#cluster";
import { fewestQueued } from "./group-choice.ts";
import type { SessionQueues } from "./session-queues.ts";
import type { SessionTable } from "./session-table.ts";
import { endsAtMs, type QueuedMessage, type StoredSession } from "./stored-session.ts";
import type { SubscriptionIndex } from "./subscription-index.ts";

interface Wish {
  /** Null: of all groups. */
  readonly group: string | null;
  readonly isWanted: (member: StoredSession) => boolean;
}

/**
 * What a shared subscription has given to one member and another may still get. At QoS 1 that is whatever is not acknowledged; at QoS 2
 * only what was never sent, since the client may have it already, and nobody else may get it then [MQTT-4.8.2-4] [MQTT-4.8.2-5].
 */
export class GroupShares {
  readonly #index: SubscriptionIndex;
  readonly #table: SessionTable;
  readonly #queues: SessionQueues;

  constructor(index: SubscriptionIndex, table: SessionTable, queues: SessionQueues) {
    this.#index = index;
    this.#table = table;
    this.#queues = queues;
  }

  /** The connection of `session` ended: its shares go to members who are here, if any is. */
  handOver(session: StoredSession, context: CommandContext, writer: StateWriter): void {
    this.#move(session, { group: null, isWanted: isHere }, context, writer);
  }

  /** `session` ends: its shares go to any other member, best to one who is here. */
  bequeath(session: StoredSession, context: CommandContext, writer: StateWriter): void {
    this.#move(session, { group: null, isWanted: () => true }, context, writer);
  }

  /** A member came: what the groups have left with members who are away comes to those who are here. */
  gather(groupKeys: Iterable<string>, context: CommandContext, writer: StateWriter): void {
    // In an order of their own: that of a session's subscriptions is another one after a restart.
    for (const group of [...groupKeys].sort()) {
      for (const member of this.#index.membersOf(group)) {
        if (!member.isConnected) this.#move(member, { group, isWanted: isHere }, context, writer);
      }
    }
  }

  #move(from: StoredSession, wish: Wish, { timeMs }: CommandContext, writer: StateWriter): void {
    const changed = new Set<StoredSession>();
    for (const entry of from.queue.values()) {
      if (entry.group === null || (wish.group !== null && entry.group !== wish.group)) continue;
      // One that is too old was passed over when its time came, and would not be looked at again.
      if (endsAtMs(entry) <= timeMs) continue;
      if (entry.qos === 2 && entry.seq <= from.sentSeq) continue;
      const to = this.#heirOf(entry, entry.group, from, wish.isWanted);
      if (to === null) continue;
      this.#queues.place(shareFor(entry, to, entry.group), writer);
      this.#queues.complete(from, entry.seq, writer);
      changed.add(to).add(from);
    }
    for (const session of changed) this.#table.writeCursor(session, writer);
  }

  #heirOf(
    { qos, stored }: QueuedMessage,
    group: string,
    from: StoredSession,
    isWanted: (member: StoredSession) => boolean,
  ): StoredSession | null {
    const members = this.#index.membersOf(group).filter((member) => {
      if (member === from || !isWanted(member)) return false;
      // What was to be delivered exactly once is not handed to somebody who asked for less.
      const isEnough = (member.subscriptions.get(group)?.qos ?? 0) >= qos;
      return isEnough && this.#queues.hasRoomFor(member, stored.sizeBytes);
    });
    return fewestQueued(members);
  }
}

function isHere(member: StoredSession): boolean {
  return member.isConnected;
}

/** Under the options of its new member's subscription. */
function shareFor(entry: QueuedMessage, to: StoredSession, group: string): QueuedMessage {
  const { identifier = 0, retainAsPublished = false } = to.subscriptions.get(group) ?? {};
  const identifiers = identifier === 0 ? [] : [identifier];
  const retain = entry.stored.message.retain && retainAsPublished;
  return { ...entry, session: to, seq: to.nextSeq, retain, identifiers, isPlaced: true };
}
