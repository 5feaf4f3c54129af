import type { Onlooker } from "../ports.ts";
import type { Channel, Receiver } from "./channel.ts";
import { fromTheBeginning } from "./device-feed.ts";
import type { Place } from "./feed.ts";
import type { Line } from "./line.ts";
import type { LiveFeeds } from "./live-feeds.ts";
import type { LivePacket } from "./packet.ts";
import { PolledFeed } from "./polled-feed.ts";
import { RetainedFeed } from "./retained-feed.ts";
import type { CoordinateWishes, Wishes } from "./wishes.ts";

/** A place in one channel, under a name that says what it is for. */
interface Seat {
  readonly key: string;
  readonly channel: Channel;
}

type Subject = "devices" | "messages" | "cluster" | "events" | "stats" | "retained";

/** One who watches this node: a line, and the channels that it follows. */
export class Viewer implements Receiver {
  readonly #feeds: LiveFeeds;
  readonly #line: Line;
  readonly #onlooker: Onlooker;
  readonly #seats = new Map<Subject, Seat>();
  #hasLeft = false;

  constructor(feeds: LiveFeeds, line: Line, onlooker: Onlooker) {
    this.#feeds = feeds;
    this.#line = line;
    this.#onlooker = onlooker;
  }

  get isBehind(): boolean {
    const { isOpen, bufferedSizeBytes } = this.#line;
    return !isOpen || bufferedSizeBytes > this.#feeds.limits.bufferedSizeBytesMax;
  }

  send(packet: LivePacket): void {
    this.#line.send(packet);
  }

  gather(work: () => void): void {
    this.#line.gather(work);
  }

  leave(): void {
    this.#hasLeft = true;
    for (const subject of [...this.#seats.keys()]) this.#leave(subject);
    this.#feeds.dropUnused();
  }

  /** For `/coordinates`, which is about nothing else. */
  followCoordinates(wishes: CoordinateWishes): void {
    this.#sit("devices", "", this.#feeds.coordinates(wishes), fromTheBeginning);
  }

  /**
   * Takes the place of what was wanted before; what stays goes on where it is. Throws BrokerError for messages that may not be read and
   * ApiError for one expression too many, and then nothing has changed. Resolves when it is live everywhere.
   */
  follow(wishes: Wishes): Promise<void> {
    const { intervalMs, cluster, stats, devices } = wishes;
    // First, for these two may refuse.
    const deviceChannel = devices === null ? null : this.#feeds.devices(devices, intervalMs);
    let whenLive: (() => Promise<void>) | null;
    try {
      whenLive = this.#followMessages(wishes);
    } catch (error) {
      this.#feeds.dropUnused();
      throw error;
    }
    this.#followDevices(wishes, deviceChannel);
    if (cluster) {
      this.#sit("cluster", "", this.#feeds.clusterStatus(intervalMs), PolledFeed.start);
      this.#sit("events", "", this.#feeds.clusterEvents(intervalMs), this.#feeds.eventsEnd);
    } else {
      this.#leave("cluster");
      this.#leave("events");
    }
    if (stats) this.#sit("stats", "", this.#feeds.stats(intervalMs), PolledFeed.start);
    else this.#leave("stats");
    this.#feeds.dropUnused();
    return whenLive?.() ?? Promise.resolve();
  }

  #followDevices({ devices, resume }: Wishes, channel: Channel | null): void {
    if (channel === null) {
      this.#leave("devices");
      return;
    }
    const key = JSON.stringify(devices);
    const before = this.#seats.get("devices");
    // Another pace is no other place.
    const known = before?.key === key && resume === null ? before.channel.placeOf(this) : null;
    const place = known ?? this.#feeds.placeOf(resume);
    this.#sit("devices", key, channel, place, resume !== null);
  }

  /** Answers what is left to do once the other nodes know; null when nothing changes. */
  #followMessages({ messages, intervalMs }: Wishes): (() => Promise<void>) | null {
    if (messages.length === 0) {
      this.#leave("messages");
      this.#leave("retained");
      return null;
    }
    const key = JSON.stringify(messages);
    const before = this.#seats.get("messages");
    const { channel, watch, end } = this.#feeds.messages(messages, this.#onlooker, intervalMs);
    if (before?.channel === channel) return null;
    this.#leave("retained");
    this.#leave("messages");
    this.#seats.set("messages", { key, channel });
    channel.add(this, end, true);
    return async () => {
      await watch.isLive;
      const { limits } = this.#feeds;
      const isWanted = (): boolean =>
        !this.#hasLeft && this.#seats.get("messages")?.channel === channel;
      if (!isWanted()) return;
      const retained = await watch.retained(limits.retainedPerViewerMax + 1);
      if (!isWanted()) return;
      const feed = new RetainedFeed(retained, limits, () => {
        this.#leave("retained");
        channel.release(this);
      });
      this.#sit("retained", "", this.#feeds.own(feed), { since: 0, after: null });
    };
  }

  #sit(subject: Subject, key: string, channel: Channel, place: Place, isAnew = false): void {
    const before = this.#seats.get(subject);
    if (before?.channel === channel && !isAnew) return;
    this.#leave(subject);
    this.#seats.set(subject, { key, channel });
    channel.add(this, place);
  }

  #leave(subject: Subject): void {
    this.#seats.get(subject)?.channel.remove(this);
    this.#seats.delete(subject);
  }
}
