import type { CommandContext } from "#cluster";
import type { StoredSession } from "./stored-session.ts";
import type { ChooseMember } from "./subscription-index.ts";

/**
 * Who of a shared subscription gets a message: of those that are connected the one with the fewest messages before it, so that a slow
 * member gets less and a fast one more; among equals they take turns by the index in the log. All of it is replicated, so all
 * replicas choose alike. When nobody is connected, the same among all: the queue waits until a member comes back.
 */
export function fewestQueued(
  { index }: CommandContext,
  except: StoredSession | null,
): ChooseMember {
  return (members) => {
    const others = members.filter((member) => member !== except);
    const connected = others.filter((member) => member.isConnected);
    const candidates = connected.length > 0 ? connected : others;
    const fewest = Math.min(...candidates.map(({ queue }) => queue.size));
    const equal = candidates.filter(({ queue }) => queue.size === fewest);
    return equal[index % equal.length] ?? null;
  };
}
