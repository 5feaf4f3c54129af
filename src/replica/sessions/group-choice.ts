import type { ShareStrategy } from "../../routing/share-strategy.ts";
import { hashOfText, mixedHashes } from "../../routing/topic-hash.ts";
import type { StoredSession } from "./stored-session.ts";

/** How one message is shared out. */
export interface Share {
  readonly strategy: ShareStrategy;
  /** Connected to the node where the message came in. */
  readonly isNear: (member: StoredSession) => boolean;
}

/**
 * Who of a shared subscription gets a message of this topic; null when there are no members. Those that are connected come first;
 * when nobody is, it waits with one of those who are away. All that this looks at is replicated, so all replicas choose alike.
 * Members come in the order of their sessions' numbers.
 */
export function chooseMember(
  members: readonly StoredSession[],
  topic: string,
  { strategy, isNear }: Share,
): StoredSession | null {
  const connected = members.filter((member) => member.isConnected);
  const candidates = connected.length > 0 ? connected : members;
  switch (strategy) {
    case "round-robin":
      return fewestQueuedOf(candidates);
    case "local-first": {
      const near = connected.filter(isNear);
      return fewestQueuedOf(near.length > 0 ? near : candidates);
    }
    case "sticky":
      // The oldest session: a newer one does not take its place, and nobody has to remember who had the last message.
      return candidates[0] ?? null;
    case "hash-topic":
      return byHash(candidates, topic);
  }
}

/** As "round-robin", for messages that change hands. */
export function fewestQueued(members: readonly StoredSession[]): StoredSession | null {
  const connected = members.filter((member) => member.isConnected);
  return fewestQueuedOf(connected.length > 0 ? connected : members);
}

/**
 * The one with the fewest messages before it, so that a slow member gets less and a fast one more; among equals they take turns by how
 * many messages all of them have been given.
 */
function fewestQueuedOf(candidates: readonly StoredSession[]): StoredSession | null {
  const fewest = Math.min(...candidates.map(({ queue }) => queue.size));
  const equal = candidates.filter(({ queue }) => queue.size === fewest);
  // Not the index in the log: where each message costs two entries, its parity would choose the same member again and again.
  const turn = candidates.reduce((given, { nextSeq }) => given + nextSeq, 0);
  return equal[turn % equal.length] ?? null;
}

/** Rendezvous hashing: a member that comes or goes moves no topic between the others. */
function byHash(candidates: readonly StoredSession[], topic: string): StoredSession | null {
  const topicHash = hashOfText(topic);
  let chosen: StoredSession | null = null;
  let best = -1;
  for (const member of candidates) {
    const score = mixedHashes(topicHash, member.number);
    if (score > best) {
      chosen = member;
      best = score;
    }
  }
  return chosen;
}
