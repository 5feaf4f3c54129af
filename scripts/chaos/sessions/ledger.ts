/** What one session was promised and got of one topic. */
interface Inbox {
  /** The first number that was not yet sent when the SUBACK came; null before it. */
  since: number | null;
  /** Deliveries by number. */
  readonly counts: number[];
  /** Of all numbers that came for the first time, the highest. */
  highest: number;
}

interface Topic {
  readonly qos: 1 | 2;
  readonly isAcknowledged: boolean[];
}

export interface LedgerProblem {
  readonly kind: "lost" | "twice" | "order" | "phantom";
  readonly session: string;
  readonly topic: string;
  readonly detail: string;
}

export interface LedgerCounts {
  readonly sent: number;
  readonly acknowledged: number;
  /** The client library gave them up: they may or may not have been published. */
  readonly unknown: number;
  /** Of messages that came for the first time. */
  readonly delivered: number;
  /** Repetitions at QoS 1, which are allowed. */
  readonly repeated: number;
}

/**
 * What publishers sent and were promised, and what sessions got. Each topic has one publisher, one QoS, and numbers from 0 on. A
 * number stands for one PUBLISH, however often its client has to repeat it.
 */
export class Ledger {
  readonly #topics = new Map<string, Topic>();
  readonly #inboxes = new Map<string, Map<string, Inbox>>();
  readonly #problems: LedgerProblem[] = [];
  #sent = 0;
  #acknowledged = 0;
  #unknown = 0;
  #delivered = 0;
  #repeated = 0;

  addTopic(topic: string, qos: 1 | 2): void {
    this.#topics.set(topic, { qos, isAcknowledged: [] });
  }

  get topics(): readonly string[] {
    return [...this.#topics.keys()];
  }

  get counts(): LedgerCounts {
    const [sent, acknowledged, unknown] = [this.#sent, this.#acknowledged, this.#unknown];
    return { sent, acknowledged, unknown, delivered: this.#delivered, repeated: this.#repeated };
  }

  /** The number of the next message. */
  sent(topic: string): number {
    this.#sent++;
    return this.#topicOf(topic).isAcknowledged.push(false) - 1;
  }

  /** PUBACK or PUBCOMP, without an error. */
  acknowledged(topic: string, number: number): void {
    this.#acknowledged++;
    this.#topicOf(topic).isAcknowledged[number] = true;
  }

  /** Nobody will ever say: nobody is owed it. */
  givenUp(): void {
    this.#unknown++;
  }

  /** SUBACK: from here on `session` gets all of these topics. */
  subscribed(session: string, topics: readonly string[]): void {
    for (const topic of topics) {
      this.#inboxOf(session, topic).since ??= this.#topicOf(topic).isAcknowledged.length;
    }
  }

  /** `trace` is asked for when something is wrong. */
  delivered(session: string, topic: string, number: number, trace = (): string => ""): void {
    const { qos, isAcknowledged } = this.#topicOf(topic);
    const inbox = this.#inboxOf(session, topic);
    const report = (kind: LedgerProblem["kind"], detail: string): void => {
      this.#problems.push({ kind, session, topic, detail: `${detail} ${trace()}`.trimEnd() });
    };
    if (!Number.isInteger(number) || number < 0 || number >= isAcknowledged.length) {
      report("phantom", `number ${number} was never sent`);
      return;
    }
    const count = (inbox.counts[number] ?? 0) + 1;
    inbox.counts[number] = count;
    if (count > 1) {
      this.#repeated += qos === 1 ? 1 : 0;
      if (qos === 2) report("twice", `number ${number} came ${count} times`);
      return;
    }
    this.#delivered++;
    if (number < inbox.highest) report("order", `number ${number} came behind ${inbox.highest}`);
    inbox.highest = Math.max(inbox.highest, number);
  }

  /** Messages that sessions still wait for: acknowledged, subscribed to before, and not there. */
  missing(): readonly LedgerProblem[] {
    const lost: LedgerProblem[] = [];
    for (const [session, inboxes] of this.#inboxes) {
      for (const [topic, { since, counts }] of inboxes) {
        const { isAcknowledged } = this.#topicOf(topic);
        for (
          let number = since ?? isAcknowledged.length;
          number < isAcknowledged.length;
          number++
        ) {
          if (!isAcknowledged[number] || (counts[number] ?? 0) > 0) continue;
          lost.push({ kind: "lost", session, topic, detail: `number ${number} never came` });
        }
      }
    }
    return lost;
  }

  /** Everything that was not as promised, if nothing more comes. */
  problems(): readonly LedgerProblem[] {
    return [...this.missing(), ...this.#problems];
  }

  #topicOf(name: string): Topic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw new Error(`nobody publishes to ${name}`);
    return topic;
  }

  #inboxOf(session: string, topic: string): Inbox {
    let inboxes = this.#inboxes.get(session);
    if (inboxes === undefined) {
      inboxes = new Map();
      this.#inboxes.set(session, inboxes);
    }
    let inbox = inboxes.get(topic);
    if (inbox === undefined) {
      inbox = { since: null, counts: [], highest: -1 };
      inboxes.set(topic, inbox);
    }
    return inbox;
  }
}
