import type { Endpoint } from "../flock.ts";
import { Reigns } from "./reigns.ts";
import { RivalConnection } from "./rival-connection.ts";
import { Roamer } from "./roamer.ts";

export interface RivalsOptions {
  readonly identifiers: number;
  readonly endpoints: () => readonly Endpoint[];
  readonly random: () => number;
}

export interface RivalsResult {
  /** Connections that were accepted, over all identifiers. */
  readonly connections: number;
  /** Writes of theirs that the watching session got. */
  readonly writes: number;
  /** From the CONNACK of a new connection to the end of the old one, the longest: as long as a node hangs where one did. */
  readonly longestOverlapMs: number;
  readonly problems: readonly string[];
}

const turnMs = 50;
/** How often a connection of an identifier is followed by another while it is open. */
const takeoverEveryMs = 1500;
/** Without an answer for so long, a node is hung: another is tried. */
const patienceMs = 4000;

/** The newest connections of one identifier: the one that holds it, and one that wants it. */
interface Contest {
  readonly clientId: string;
  readonly topic: string;
  holder: RivalConnection | null;
  acceptedMs: number;
  challenger: RivalConnection | null;
  challengedMs: number;
  serial: number;
}

/**
 * Several connections that fight for each of a few client identifiers, each on a node of its own choice; all write as long as they
 * are open. Only one may have an effect: a write that is sent on one connection after the CONNACK of the next is never acknowledged,
 * and in the order of the log the writes of two connections never alternate, which a stored session watches.
 */
export class Rivals {
  readonly #options: RivalsOptions;
  readonly #contests: Contest[];
  readonly #reigns = new Reigns();
  readonly #watcher: Roamer;
  readonly #old = new Map<RivalConnection, number>();
  readonly #problems: string[] = [];
  #timer: NodeJS.Timeout | null = null;
  #connections = 0;
  #longestOverlapMs = 0;

  constructor(options: RivalsOptions) {
    this.#options = options;
    this.#contests = Array.from({ length: options.identifiers }, (_, index) => ({
      ...{ clientId: `rival${index}`, topic: `rivals/${index}`, holder: null, acceptedMs: 0 },
      ...{ challenger: null, challengedMs: 0, serial: 0 },
    }));
    const { endpoints, random } = options;
    this.#watcher = new Roamer({ clientId: "watcher", protocolVersion: 5, endpoints, random });
    this.#watcher.client.on("message", (topic, payload) => {
      const [serial = 0, number = 0] = payload.toString().split(" ").map(Number);
      this.#reigns.written(topic, serial, number);
    });
  }

  async start(): Promise<void> {
    await this.#watcher.client.subscribeAsync("rivals/+", { qos: 1 });
    this.#timer = setInterval(() => {
      for (const contest of this.#contests) this.#turn(contest);
    }, turnMs);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const { holder, challenger } of this.#contests) {
      holder?.close();
      challenger?.close();
    }
    for (const old of this.#old.keys()) old.close();
    await this.#watcher.client.endAsync(true);
  }

  result(): RivalsResult {
    const [connections, longestOverlapMs] = [this.#connections, Math.round(this.#longestOverlapMs)];
    const problems = [...this.#problems, ...this.#reigns.problems];
    return { connections, writes: this.#reigns.writes, longestOverlapMs, problems };
  }

  #turn(contest: Contest): void {
    const { holder, challenger } = contest;
    holder?.publish();
    for (const old of this.#old.keys()) old.publish();
    const nowMs = performance.now();
    if (challenger !== null && nowMs - contest.challengedMs > patienceMs) challenger.close();
    const isContested = this.#options.random() < turnMs / takeoverEveryMs;
    const isVacant = holder === null || holder.closedMs !== null;
    if (challenger === null && (isVacant || isContested)) this.#challenge(contest);
  }

  #challenge(contest: Contest): void {
    const { endpoints, random } = this.#options;
    const all = endpoints();
    const endpoint = all[Math.floor(random() * all.length)] as Endpoint;
    const { clientId, topic } = contest;
    contest.challengedMs = performance.now();
    contest.serial++;
    contest.challenger = new RivalConnection({
      ...{ clientId, topic, endpoint, serial: contest.serial },
      accepted: (connection) => this.#accepted(contest, connection),
      acknowledged: (connection, sentMs) => this.#acknowledged(contest, connection, sentMs),
      closed: (connection) => this.#closed(contest, connection),
    });
  }

  #accepted(contest: Contest, connection: RivalConnection): void {
    this.#connections++;
    const { holder } = contest;
    if (holder !== null && holder.closedMs === null) this.#old.set(holder, performance.now());
    contest.holder = connection;
    contest.acceptedMs = performance.now();
    contest.challenger = null;
  }

  #acknowledged(
    { holder, acceptedMs, topic }: Contest,
    from: RivalConnection,
    sentMs: number,
  ): void {
    if (holder === null || from.serial >= holder.serial || sentMs <= acceptedMs) return;
    const afterMs = Math.round(sentMs - acceptedMs);
    const [old, fresh] = [from, holder].map(
      ({ serial, endpoint }) => `${serial} (${endpoint.name})`,
    );
    this.#problems.push(
      `${topic}: connection ${old} had a write acknowledged that it sent ${afterMs} ms after the CONNACK of ${fresh}`,
    );
  }

  #closed(contest: Contest, connection: RivalConnection): void {
    if (contest.challenger === connection) contest.challenger = null;
    const sinceMs = this.#old.get(connection);
    this.#old.delete(connection);
    if (sinceMs === undefined || connection.closedMs === null) return;
    this.#longestOverlapMs = Math.max(this.#longestOverlapMs, connection.closedMs - sinceMs);
  }
}
