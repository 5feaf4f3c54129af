import { type Endpoint, pause } from "../flock.ts";
import { Ledger, type LedgerProblem } from "./ledger.ts";
import { SessionPublisher } from "./session-publisher.ts";
import { SessionSubscriber } from "./session-subscriber.ts";

export interface SessionLoadOptions {
  readonly publishers: number;
  readonly subscribers: number;
  /** Each publisher has a topic for each of them. */
  readonly levels: readonly (1 | 2)[];
  /** Between an acknowledgement and the next message of that publisher, topic and place in the window. */
  readonly pauseMs: number;
  /** Clients leave their nodes also when nothing is wrong with them: after so long on the average; null: never. */
  readonly moveEveryMs: number | null;
}

export interface SessionLoadResult {
  readonly sent: number;
  readonly acknowledged: number;
  readonly unacknowledgedAtTheEnd: number;
  readonly delivered: number;
  readonly repeatedAtQos1: number;
  readonly connections: number;
  readonly sessionsLost: number;
  /** Of one client, between a connection and the next. */
  readonly longestAway: { readonly ms: number; readonly tried: string };
  readonly problems: readonly LedgerProblem[];
}

const moveTurnMs = 100;
/** So long nothing more must come before the run counts as complete: long enough for what is repeated by mistake. */
const quietMs = 3000;

/** Publishers and subscribers with stored sessions, on nodes of their choice, and the ledger of what they saw. */
export class SessionLoad {
  readonly ledger = new Ledger();
  readonly publishers: SessionPublisher[];
  readonly subscribers: SessionSubscriber[] = [];
  readonly #options: SessionLoadOptions;
  readonly #endpoints: () => readonly Endpoint[];
  readonly #random: () => number;
  #mover: NodeJS.Timeout | null = null;
  #unacknowledged = 0;

  constructor(
    options: SessionLoadOptions,
    endpoints: () => readonly Endpoint[],
    random: () => number,
  ) {
    this.#options = options;
    this.#endpoints = endpoints;
    this.#random = random;
    const { levels, pauseMs } = options;
    this.publishers = Array.from({ length: options.publishers }, (_, index) => {
      const topics = levels.map((qos) => ({ topic: `sessions/p${index}/q${qos}`, qos }) as const);
      for (const { topic, qos } of topics) this.ledger.addTopic(topic, qos);
      const common = { index, endpoints, random, ledger: this.ledger };
      return new SessionPublisher({ ...common, topics, pauseMs });
    });
  }

  /** Subscribers first, so that they wait for all that is published. */
  async start(timeoutMs: number): Promise<void> {
    for (let i = 0; i < this.#options.subscribers; i++) this.addSubscriber();
    const deadlineMs = performance.now() + timeoutMs;
    while (this.subscribers.some(({ isSubscribed }) => !isSubscribed)) {
      if (performance.now() > deadlineMs) throw new Error("not all subscribers got their SUBACK");
      await pause(50);
    }
    for (const publisher of this.publishers) publisher.start();
    const { moveEveryMs } = this.#options;
    if (moveEveryMs === null) return;
    this.#mover = setInterval(() => {
      for (const { roamer } of [...this.publishers, ...this.subscribers]) {
        if (this.#random() < moveTurnMs / moveEveryMs) roamer.move(this.#random() < 0.5);
      }
    }, moveTurnMs);
  }

  /** One that comes late is owed what is sent from its SUBACK on. */
  addSubscriber(): void {
    const [ledger, endpoints, random] = [this.ledger, this.#endpoints, this.#random];
    const index = this.subscribers.length;
    this.subscribers.push(new SessionSubscriber({ index, ledger, endpoints, random }));
  }

  get counts(): { readonly acknowledged: number; readonly unknown: number } {
    // Not all that is not acknowledged yet: that shrinks again, and the difference over a strike could be negative.
    const { acknowledged, unknown } = this.ledger.counts;
    return { acknowledged, unknown };
  }

  /** Ends the publishing, and waits until every session has all that it was promised, or gets nothing more for so long. */
  async finish(timeoutMs: number): Promise<void> {
    if (this.#mover !== null) clearInterval(this.#mover);
    const deadlineMs = performance.now() + timeoutMs;
    for (const publisher of this.publishers) publisher.stop();
    while (this.publishers.some(({ open }) => open > 0) && performance.now() < deadlineMs) {
      await pause(50);
    }
    this.#unacknowledged = this.publishers.reduce((sum, { open }) => sum + open, 0);
    await this.#whenNothingMoves(timeoutMs);
    await pause(quietMs);
  }

  /** A session with a small window may take long over a long queue; it must only go on. */
  async #whenNothingMoves(timeoutMs: number): Promise<void> {
    let delivered = -1;
    let movedMs = performance.now();
    while (this.ledger.missing().length > 0 && performance.now() < movedMs + timeoutMs) {
      if (this.ledger.counts.delivered !== delivered) movedMs = performance.now();
      delivered = this.ledger.counts.delivered;
      await pause(500);
    }
  }

  async close(): Promise<void> {
    if (this.#mover !== null) clearInterval(this.#mover);
    const clients = [...this.publishers, ...this.subscribers].map(({ roamer }) => roamer.client);
    await Promise.all(clients.map((client) => client.endAsync(true)));
  }

  result(): SessionLoadResult {
    const roamers = [...this.publishers, ...this.subscribers].map(({ roamer }) => roamer);
    const { repeated, ...counts } = this.ledger.counts;
    return {
      ...counts,
      unacknowledgedAtTheEnd: this.#unacknowledged,
      repeatedAtQos1: repeated,
      connections: roamers.reduce((sum, { connections }) => sum + connections, 0),
      sessionsLost: roamers.reduce((sum, { sessionsLost }) => sum + sessionsLost, 0),
      longestAway: roamers
        .map(({ longestAway }) => longestAway)
        .reduce((most, one) => (one.ms > most.ms ? one : most)),
      problems: this.ledger.problems(),
    };
  }
}
