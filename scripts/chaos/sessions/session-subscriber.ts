import type { Endpoint } from "../flock.ts";
import type { Ledger } from "./ledger.ts";
import { Roamer } from "./roamer.ts";

export interface SessionSubscriberOptions {
  readonly index: number;
  readonly endpoints: () => readonly Endpoint[];
  readonly random: () => number;
  readonly ledger: Ledger;
}

/** One with much room, one whose messages wait for each other, one in between. */
const receiveMaxima = [undefined, 2, 16];

/** A stored session that enters all that it gets into the ledger. It subscribes once; the broker must remember. */
export class SessionSubscriber {
  readonly roamer: Roamer;
  readonly name: string;
  readonly #options: SessionSubscriberOptions;
  #isSubscribed = false;
  #lastMs = 0;
  #longestGapMs = 0;

  constructor(options: SessionSubscriberOptions) {
    this.#options = options;
    const { index, endpoints, random, ledger } = options;
    this.name = `s${index}`;
    const receiveMaximum = receiveMaxima[index % receiveMaxima.length];
    this.roamer = new Roamer({
      clientId: this.name,
      protocolVersion: index % 4 === 1 ? 4 : 5,
      ...(receiveMaximum === undefined ? {} : { receiveMaximum }),
      endpoints,
      random,
    });
    const { client } = this.roamer;
    client.on("message", (topic, payload, { messageId = 0 }) => {
      ledger.delivered(this.name, topic, Number(payload.toString()), () =>
        this.roamer.traceOf(messageId),
      );
      this.#noteGap();
    });
    client.on("connect", () => {
      if (!this.#isSubscribed) this.#subscribe();
    });
  }

  get isSubscribed(): boolean {
    return this.#isSubscribed;
  }

  /** The longest time without a message, since `watchGaps`. */
  get longestGapMs(): number {
    return Math.max(this.#longestGapMs, performance.now() - this.#lastMs);
  }

  watchGaps(): void {
    this.#longestGapMs = 0;
    this.#lastMs = performance.now();
  }

  #noteGap(): void {
    const nowMs = performance.now();
    this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }

  /** Everything, the topics of one QoS, or one topic. */
  #subscribe(): void {
    const { index, ledger } = this.#options;
    const one = ledger.topics[index % ledger.topics.length] as string;
    const filters = ["sessions/#", "sessions/+/q2", "sessions/+/q1", one].filter((filter) =>
      ledger.topics.some((topic) => isMatch(filter, topic)),
    );
    // Those with the smallest window read only one topic: it takes a round trip through the log for each of their messages.
    const isSlow = receiveMaxima[index % receiveMaxima.length] === 2;
    const filter = isSlow ? one : (filters[index % filters.length] as string);
    this.roamer.client.subscribe(filter, { qos: 2 }, (error) => {
      if (error) return;
      this.#isSubscribed = true;
      const topics = ledger.topics.filter((topic) => isMatch(filter, topic));
      ledger.subscribed(this.name, topics);
    });
  }
}

/** For the few forms above. */
function isMatch(filter: string, topic: string): boolean {
  const [levels, names] = [filter.split("/"), topic.split("/")];
  return levels.every((level, at) => level === "#" || level === "+" || level === names[at]);
}
