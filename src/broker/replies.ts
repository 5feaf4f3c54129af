import { randomBytes } from "node:crypto";
import type { Reply, ReplyWait } from "../api/ports.ts";
import type { ApplicationMessage } from "../mqtt/message.ts";
import { Session } from "../session/session.ts";
import type { BrokerContext } from "./context.ts";
import { BrokerError } from "./errors.ts";
import type { Interest } from "./interest.ts";
import { repliesWaitingMax } from "./limits.ts";
import { SessionEntry } from "./session-entry.ts";

/** Answers to commands: MQTT 5's response topics, one for each request, that lead to this node from any other. */
export class Replies {
  readonly #context: BrokerContext;
  readonly #interest: Interest;
  readonly #waiting = new Map<string, (reply: Reply) => void>();
  #isSubscribed = false;

  constructor(context: BrokerContext, interest: Interest) {
    this.#context = context;
    this.#interest = interest;
  }

  /** Resolves when an answer would be heard whichever node it is published to. */
  async await(): Promise<ReplyWait> {
    if (this.#waiting.size >= repliesWaitingMax) {
      throw new BrokerError("overloaded", "too many commands wait for their answers");
    }
    await this.#subscribe();
    // Not to be guessed: whoever knows the topic can answer.
    const correlation = randomBytes(16);
    const topic = `${this.#prefix}${correlation.toString("hex")}`;
    const answered = new Promise<Reply>((resolve) => this.#waiting.set(topic, resolve));
    return {
      topic,
      correlation,
      reply: async (timeoutMs) => this.#within(timeoutMs, topic, answered),
      cancel: () => this.#waiting.delete(topic),
    };
  }

  get #prefix(): string {
    return `$flockmq/responses/${this.#context.cluster.nodeId}/`;
  }

  async #within(timeoutMs: number, topic: string, answered: Promise<Reply>): Promise<Reply | null> {
    let cancel = (): void => {};
    const late = new Promise<null>((resolve) => {
      cancel = this.#context.clock.after(timeoutMs, () => resolve(null));
    });
    try {
      return await Promise.race([answered, late]);
    } finally {
      cancel();
      this.#waiting.delete(topic);
    }
  }

  /** Once, and then for ever: the other nodes need not hear of every request. */
  async #subscribe(): Promise<void> {
    const { router, cluster, limits } = this.#context;
    if (!this.#isSubscribed) {
      this.#isSubscribed = true;
      const target = new ReplyTarget(limits.session, (message) => this.#received(message));
      const update = router.subscribe(target, {
        ...{ filter: `${this.#prefix}+`, qos: 1, noLocal: false },
        ...{ retainAsPublished: false, retainHandling: 2, identifier: 0 },
      });
      this.#interest.declare(update);
    }
    await cluster.interestBarrier(limits.interestBarrierMs);
  }

  #received({ topic, payload, properties }: ApplicationMessage): void {
    const resolve = this.#waiting.get(topic);
    if (resolve === undefined) {
      this.#context.counters.repliesUnclaimed++;
      return;
    }
    this.#waiting.delete(topic);
    // A copy: the message may be part of a larger buffer that would be kept with it.
    resolve({ payload: Buffer.from(payload), properties });
  }
}

/** A subscriber without a client. */
class ReplyTarget extends SessionEntry {
  readonly #received: (message: ApplicationMessage) => void;

  constructor(
    limits: ConstructorParameters<typeof Session>[1],
    received: (message: ApplicationMessage) => void,
  ) {
    super(new Session("", limits), { clientId: "", username: null }, 0);
    this.#received = received;
  }

  override deliver(message: ApplicationMessage): void {
    this.#received(message);
  }
}
