import type { StoredSession } from "./stored-session.ts";

/**
 * Who of a shared subscription gets a message: of those that are connected the one with the fewest messages before it, so that a slow
 * member gets less and a fast one more; among equals they take turns by how many messages all of them have been given. All of it is
 * replicated, so all replicas choose alike. When nobody is connected, the same among all: the queue waits until a member comes back.
 */
export function fewestQueued(members: readonly StoredSession[]): StoredSession | null {
  const connected = members.filter((member) => member.isConnected);
  const candidates = connected.length > 0 ? connected : members;
  const fewest = Math.min(...candidates.map(({ queue }) => queue.size));
  const equal = candidates.filter(({ queue }) => queue.size === fewest);
  // Not the index in the log: where each message costs two entries, its parity would choose the same member again and again.
  const turn = candidates.reduce((given, { nextSeq }) => given + nextSeq, 0);
  return equal[turn % equal.length] ?? null;
}
