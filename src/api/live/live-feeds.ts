import { type Clock, Counters } from "#cluster";
import { parseWhere } from "../../query/where.ts";
import { hasPosition } from "../coordinates.ts";
import type { DeviceState, MessageWatch, NodePort, Onlooker } from "../ports.ts";
import { ApiError } from "../problem.ts";
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
  goneForm,
} from "./device-feed.ts";
import { AllDevices, type DeviceSelection, NamedDevices } from "./device-selection.ts";
import type { Feed, Place } from "./feed.ts";
import type { LiveLimits } from "./limits.ts";
import { MatchingDevices } from "./matching-devices.ts";
import { MessageItem } from "./message-item.ts";
import { LivePacket } from "./packet.ts";
import { PolledFeed } from "./polled-feed.ts";
import { RecentFeed } from "./recent-feed.ts";
import { indexOfToken, resumeToken } from "./resume-token.ts";
import type { CoordinateWishes, WantedDevices } from "./wishes.ts";

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
const positionsOrGone = "coordinates, or gone";

interface SharedSelection {
  readonly selection: MatchingDevices;
  /** Keys of those that read it. */
  readonly channels: Set<string>;
}

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
  /** Conditions that viewers follow, each at any number of paces. */
  readonly #selections = new Map<string, SharedSelection>();
  /** Key of a channel -> that of its condition. */
  readonly #selectedBy = new Map<string, string>();
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
    for (const { selection } of this.#selections.values()) selection.stop();
    this.#cluster.status.stop();
    this.#stats.stop();
  }

  coordinates({ devices, intervalMs, areGoneTold }: CoordinateWishes): Channel {
    const what = `${areGoneTold ? positionsOrGone : "coordinates"} ${JSON.stringify(devices)}`;
    return this.#channel(what, intervalMs, () => {
      if (!areGoneTold) return this.#deviceFeed(this.#selectionOf(devices), coordinateForm);
      const selection =
        devices === "all"
          ? this.#matching(what, intervalMs, () => hasPosition)
          : this.#selectionOf(devices);
      return this.#deviceFeed(selection, goneForm);
    });
  }

  /** Throws ApiError when too many different expressions are followed. */
  devices(devices: WantedDevices, intervalMs: number): Channel {
    const what = `devices ${JSON.stringify(devices)}`;
    return this.#channel(what, intervalMs, () => {
      const selection =
        typeof devices === "object" && "where" in devices
          ? this.#conditional(what, intervalMs, devices.where)
          : this.#selectionOf(devices);
      return this.#deviceFeed(selection, changeForm(this.#options.deviceBody));
    });
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
    const channelKey = keyOf(key, intervalMs);
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
      this.#release(key);
      this.#watched.get(key)?.watch.close();
      this.#watched.delete(key);
    }
  }

  #release(channelKey: string): void {
    const what = this.#selectedBy.get(channelKey);
    const shared = what === undefined ? undefined : this.#selections.get(what);
    if (what === undefined || shared === undefined) return;
    this.#selectedBy.delete(channelKey);
    shared.channels.delete(channelKey);
    if (shared.channels.size > 0) return;
    shared.selection.stop();
    this.#selections.delete(what);
  }

  #selectionOf(devices: "all" | readonly string[]): DeviceSelection {
    return devices === "all"
      ? new AllDevices(this.#changes)
      : new NamedDevices(this.#changes, devices);
  }

  #conditional(what: string, intervalMs: number, where: string): MatchingDevices {
    const { conditionsMax } = this.limits;
    if (!this.#selections.has(what) && this.#selections.size >= conditionsMax) {
      this.counters.add("viewerConditionsRefused");
      const detail = `viewers of this node follow ${conditionsMax} different expressions already`;
      throw new ApiError(503, "overloaded", detail);
    }
    return this.#matching(what, intervalMs, () => {
      const condition = parseWhere(where);
      return (device) => condition(device) === true;
    });
  }

  #matching(
    what: string,
    intervalMs: number,
    condition: () => (device: DeviceState) => boolean,
  ): MatchingDevices {
    let shared = this.#selections.get(what);
    if (shared === undefined) {
      const { counters, limits } = this;
      const { clock } = this.#options;
      const options = { clock, counters, limits, matches: condition() };
      shared = { selection: new MatchingDevices(this.#changes, options), channels: new Set() };
      this.#selections.set(what, shared);
    }
    const channelKey = keyOf(what, intervalMs);
    shared.channels.add(channelKey);
    this.#selectedBy.set(channelKey, what);
    return shared.selection;
  }

  #deviceFeed(selection: DeviceSelection, form: DeviceForm): DeviceFeed {
    return new DeviceFeed({
      selection,
      form,
      indexOf: (id) => this.#changes.recent.indexOf(id),
      perBatchMax: this.limits.devicesPerBatchMax,
      tokenOf: (index) => resumeToken(this.#options.node.clusterId, index),
    });
  }

  #messageFeed(): RecentFeed {
    const { messagesKeptMax, messagesKeptSizeBytesMax } = this.limits;
    return new RecentFeed({ keptMax: messagesKeptMax, keptSizeBytesMax: messagesKeptSizeBytesMax });
  }

  #channel(what: string, intervalMs: number, createFeed: () => Feed): Channel {
    const key = keyOf(what, intervalMs);
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

/** Of the channel for `what` at one pace. */
function keyOf(what: string, intervalMs: number): string {
  return `${what} ${intervalMs}`;
}
