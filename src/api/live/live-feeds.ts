import { type Clock, Counters } from "#cluster";
import type { DeviceState, MessageWatch, NodePort, Onlooker } from "../ports.ts";
import { Audience } from "./audience.ts";
import { Channel } from "./channel.ts";
import { ClusterFeeds } from "./cluster-feeds.ts";
import { DeviceChanges } from "./device-changes.ts";
import {
  changeForm,
  coordinateForm,
  DeviceFeed,
  type DeviceForm,
  fromTheBeginning,
} from "./device-feed.ts";
import type { Feed, Place } from "./feed.ts";
import type { LiveLimits } from "./limits.ts";
import { MessageItem } from "./message-item.ts";
import { LivePacket } from "./packet.ts";
import { PolledFeed } from "./polled-feed.ts";
import { RecentFeed } from "./recent-feed.ts";
import { indexOfToken, resumeToken } from "./resume-token.ts";
import type { Wishes } from "./wishes.ts";

export interface LiveFeedsOptions {
  readonly node: NodePort;
  readonly clock: Clock;
  readonly limits: LiveLimits;
  readonly deviceBody: (device: DeviceState) => object;
  /** What `/api/stats` answers. */
  readonly stats: () => object;
}

/** Messages of the same filters, for all viewers that want them. */
export interface WatchedMessages {
  readonly channel: Channel;
  readonly watch: MessageWatch;
  /** Where one begins that comes now. */
  readonly end: Place;
}

const statsIntervalMs = 1000;

/** Everything that viewers of this node can follow. Those who want the same share one channel, from the first to the last of them. */
export class LiveFeeds {
  readonly counters = new Counters();
  readonly audience: Audience;
  readonly limits: LiveLimits;
  readonly #options: LiveFeedsOptions;
  readonly #changes: DeviceChanges;
  readonly #cluster: ClusterFeeds;
  readonly #stats: PolledFeed;
  readonly #channels = new Map<string, Channel>();
  readonly #watched = new Map<string, { feed: RecentFeed; watch: MessageWatch }>();

  constructor(options: LiveFeedsOptions) {
    const { node, clock, limits } = options;
    this.#options = options;
    this.limits = limits;
    this.audience = new Audience(clock, limits, this.counters);
    this.#changes = new DeviceChanges(node.devices, limits.changesKeptMax);
    this.#cluster = new ClusterFeeds(node, clock, limits);
    this.#stats = new PolledFeed({
      clock,
      intervalMs: statsIntervalMs,
      ask: async () => LivePacket.of({ ...options.stats(), type: "stats" }),
    });
  }

  stop(): void {
    this.audience.stop();
    this.#changes.stop();
    for (const channel of this.#channels.values()) channel.stop();
    this.#cluster.status.stop();
    this.#stats.stop();
  }

  coordinates({ devices, intervalMs }: Pick<Wishes, "devices" | "intervalMs">): Channel {
    const ids = devices === "all" ? null : devices;
    return this.#channel(`coordinates ${JSON.stringify(ids)}`, intervalMs, () =>
      this.#deviceFeed(ids, coordinateForm),
    );
  }

  devices(devices: "all" | readonly string[], intervalMs: number): Channel {
    const ids = devices === "all" ? null : devices;
    return this.#channel(`devices ${JSON.stringify(ids)}`, intervalMs, () =>
      this.#deviceFeed(ids, changeForm(this.#options.deviceBody)),
    );
  }

  /** Where a viewer of devices goes on that shows this token. */
  placeOf(token: string | null): Place {
    const index = token === null ? null : indexOfToken(token, this.#options.node.clusterId);
    return index === null ? fromTheBeginning : { since: index, after: null };
  }

  clusterStatus(intervalMs: number): Channel {
    return this.#channel("cluster", intervalMs, () => this.#cluster.status);
  }

  clusterEvents(intervalMs: number): Channel {
    return this.#channel("events", intervalMs, () => this.#cluster.events);
  }

  /** Where a viewer of cluster events begins. */
  get eventsEnd(): Place {
    return this.#cluster.events.end;
  }

  stats(intervalMs: number): Channel {
    return this.#channel("stats", intervalMs, () => this.#stats);
  }

  /** Throws BrokerError when one of the filters is none, or may not be read. */
  messages(filters: readonly string[], onlooker: Onlooker, intervalMs: number): WatchedMessages {
    const key = `messages ${JSON.stringify([onlooker.username, filters])}`;
    const channelKey = `${key} ${intervalMs}`;
    let watched = this.#watched.get(channelKey);
    if (watched === undefined) {
      const feed = this.#messageFeed();
      const { payloadSizeBytesMax } = this.limits;
      const heard: Parameters<NodePort["watchMessages"]>[2] = (message, isRetained) =>
        feed.add(new MessageItem(message, isRetained, payloadSizeBytesMax));
      const watch = this.#options.node.watchMessages(filters, onlooker, heard);
      watched = { feed, watch };
      this.#watched.set(channelKey, watched);
    }
    const { feed, watch } = watched;
    const channel = this.#channel(key, intervalMs, () => feed);
    return { channel, watch, end: feed.end };
  }

  /** A channel for one viewer alone, of a feed that ends. */
  own(feed: Feed): Channel {
    return this.#createChannel(feed, this.limits.intervalMinMs);
  }

  /** What nobody follows any more costs nothing any more. */
  dropUnused(): void {
    for (const [key, channel] of this.#channels) {
      if (channel.size > 0) continue;
      channel.stop();
      this.#channels.delete(key);
      this.#watched.get(key)?.watch.close();
      this.#watched.delete(key);
    }
  }

  #deviceFeed(ids: readonly string[] | null, form: DeviceForm): DeviceFeed {
    return new DeviceFeed(this.#changes, {
      ids,
      form,
      perBatchMax: this.limits.devicesPerBatchMax,
      tokenOf: (index) => resumeToken(this.#options.node.clusterId, index),
    });
  }

  #messageFeed(): RecentFeed {
    const { messagesKeptMax, messagesKeptSizeBytesMax } = this.limits;
    return new RecentFeed({ keptMax: messagesKeptMax, keptSizeBytesMax: messagesKeptSizeBytesMax });
  }

  #channel(what: string, intervalMs: number, createFeed: () => Feed): Channel {
    const key = `${what} ${intervalMs}`;
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      channel = this.#createChannel(createFeed(), intervalMs);
      this.#channels.set(key, channel);
    }
    return channel;
  }

  #createChannel(feed: Feed, intervalMs: number): Channel {
    const { welcomeMs, sizeBytesPerTurnMax } = this.limits;
    const { clock } = this.#options;
    return new Channel({
      ...{ feed, clock, counters: this.counters },
      ...{ intervalMs, welcomeMs, sizeBytesPerTurnMax },
    });
  }
}
