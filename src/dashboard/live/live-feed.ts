import { batch } from "@preact/signals";
import type { ClusterLine } from "../model/api-types.ts";
import { type LinkEvent, nextLink, originsOf } from "../model/reconnect.ts";
import { request } from "./http.ts";
import {
  cluster,
  homeName,
  isAway,
  isWatchingOnly,
  link,
  nodeName,
  stats,
  takeCluster,
} from "./link.ts";

/** One message of `/api/v1/live`. */
export interface LiveMessage {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface Interest {
  readonly devices?: true | { readonly ids: readonly string[] };
  readonly messages?: readonly string[];
  readonly onMessage: (message: LiveMessage) => void;
}

/** The node says something every second; after this long without a word, it is taken for dead although the socket stands. */
const silenceMsMax = 6_000;
const connectTimeoutMs = 4_000;
const intervalMs = 500;

/**
 * The one live feed of the page. It keeps itself up: when the node dies it comes back to it, or to another one that the last cluster
 * status knew. Pages register what they want beside the cluster and the figures, which everybody wants.
 */
class LiveFeed {
  #socket: WebSocket | null = null;
  #interest: Interest | null = null;
  #watchdog: number | undefined;
  #retry: number | undefined;

  start(): void {
    this.#connect();
    // A phone that wakes up has timers that slept: look at once.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && link.value.phase === "waiting") this.retryNow();
    });
    window.addEventListener("online", () => this.retryNow());
  }

  /** Answers the way to withdraw. The last page that asked is served. */
  want(interest: Interest): () => void {
    this.#interest = interest;
    this.#subscribe();
    return () => {
      if (this.#interest !== interest) return;
      this.#interest = null;
      this.#subscribe();
    };
  }

  retryNow(): void {
    if (link.value.phase !== "waiting") return;
    clearTimeout(this.#retry);
    this.#connect();
  }

  #connect(): void {
    this.#step({ type: "try" });
    const url = `${link.value.base.replace(/^http/, "ws")}/api/v1/live`;
    let socket: WebSocket;
    try {
      socket = new WebSocket(url);
    } catch {
      // The page's policy does not allow that address.
      this.#lost(null);
      return;
    }
    this.#socket = socket;
    this.#watch(connectTimeoutMs);
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = ({ data }) => this.#take(socket, data);
    socket.onclose = () => this.#lost(socket);
  }

  #opened(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#step({ type: "opened" });
    this.#watch(silenceMsMax);
    this.#subscribe();
    void this.#greet();
  }

  /** May this page ask the node for more than the feed? */
  async #greet(): Promise<void> {
    const { base } = link.value;
    try {
      const answer = (await request("/api/stats")) as LiveMessage;
      if (base !== link.value.base) return;
      takeStats(answer);
      isWatchingOnly.value = false;
    } catch {
      if (base === link.value.base) isWatchingOnly.value = isAway.value;
    }
  }

  #take(socket: WebSocket, data: unknown): void {
    if (socket !== this.#socket || typeof data !== "string") return;
    this.#watch(silenceMsMax);
    let message: LiveMessage;
    try {
      message = JSON.parse(data) as LiveMessage;
    } catch {
      return;
    }
    if (message.type === "cluster" && typeof message["status"] === "object") {
      batch(() => takeCluster(message["status"] as ClusterLine));
    } else if (message.type === "stats") {
      takeStats(message);
    } else {
      this.#interest?.onMessage(message);
    }
  }

  #lost(socket: WebSocket | null): void {
    if (socket !== this.#socket) return;
    clearTimeout(this.#watchdog);
    this.#socket = null;
    const others = originsOf(cluster.value?.nodes ?? [], link.value.home);
    this.#step({
      type: "closed",
      nowMs: Date.now(),
      random: Math.random(),
      others: others.map(({ origin }) => origin),
    });
    const waitMs = Math.max(0, (link.value.retryAtMs ?? 0) - Date.now());
    this.#retry = setTimeout(() => this.#connect(), waitMs);
  }

  #watch(silenceMs: number): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      const socket = this.#socket;
      socket?.close();
      this.#lost(socket);
    }, silenceMs);
  }

  #subscribe(): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const { devices, messages } = this.#interest ?? {};
    const subscribe = {
      cluster: true,
      stats: true,
      ...(devices === undefined ? {} : { devices }),
      ...(messages === undefined ? {} : { messages }),
    };
    this.#socket.send(JSON.stringify({ subscribe, intervalMs }));
  }

  #step(event: LinkEvent): void {
    link.value = nextLink(link.value, event);
  }
}

/** The figures say whose they are. */
function takeStats(figures: LiveMessage): void {
  batch(() => {
    stats.value = figures;
    if (typeof figures["node"] !== "string") return;
    nodeName.value = figures["node"];
    if (!isAway.value) homeName.value = figures["node"];
  });
}

export const liveFeed = new LiveFeed();
