import type { Cluster, MemberView } from "#cluster";
import { peerAnswerMs } from "./api/limits.ts";
import type { PeerAnswers, Peers } from "./api/peers.ts";

type Handler = (question: unknown) => Promise<unknown>;

const kindPrefix = "api-";

/** Carries questions of the HTTP API to the other nodes. Nobody is asked before this node has joined. */
export class NodePeers implements Peers {
  readonly #handlers = new Map<string, Handler>();
  #cluster: Cluster | null = null;

  open(cluster: Cluster): void {
    this.#cluster = cluster;
    for (const [kind, handler] of this.#handlers) this.#listen(cluster, kind, handler);
  }

  onAsked(kind: string, handler: Handler): void {
    this.#handlers.set(kind, handler);
    if (this.#cluster !== null) this.#listen(this.#cluster, kind, handler);
  }

  async ask(kind: string, question: unknown, names?: readonly string[]): Promise<PeerAnswers> {
    const answers = new Map<string, unknown>();
    const unanswered: string[] = [];
    const others = (this.#cluster?.members() ?? []).filter(
      ({ isSelf, name }) => !isSelf && (names === undefined || names.includes(name)),
    );
    const asked = others.map(async (member) => {
      const answer = await this.#askOne(member, kind, question);
      if (answer === undefined) unanswered.push(member.name);
      else answers.set(member.name, answer);
    });
    await Promise.all(asked);
    return { answers, unanswered: unanswered.sort() };
  }

  nameOf(nodeId: string): string | null {
    return this.#cluster?.members().find((member) => member.nodeId === nodeId)?.name ?? null;
  }

  has(wanted: string): boolean {
    return this.#cluster?.members().some(({ name }) => name === wanted) ?? false;
  }

  /** Undefined when there is no answer. */
  async #askOne(member: MemberView, kind: string, question: unknown): Promise<unknown> {
    if (this.#cluster === null || member.state === "down") return undefined;
    const payload = Buffer.from(JSON.stringify(question));
    try {
      const { nodeId } = member;
      const answer = await this.#cluster.request(nodeId, kindPrefix + kind, payload, peerAnswerMs);
      return JSON.parse(Buffer.from(answer).toString("utf8"));
    } catch {
      // Down, slow, or of a version that does not know the question: the answer names it as silent.
      return undefined;
    }
  }

  #listen(cluster: Cluster, kind: string, handler: Handler): void {
    cluster.onRequest(kindPrefix + kind, async (_from, payload) => {
      const question: unknown = JSON.parse(Buffer.from(payload).toString("utf8"));
      return Buffer.from(JSON.stringify(await handler(question)));
    });
  }
}
