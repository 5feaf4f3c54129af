import type { BrokerFigures } from "../api/ports.ts";
import type { BrokerCounters } from "./counters.ts";
import { Load, loadWindows } from "./sys-load.ts";

export interface SysSource {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly figures: BrokerFigures;
  readonly connected: number;
  readonly sessionsExpired: number;
  readonly counters: BrokerCounters;
  readonly storedSizeBytes: number;
  readonly heapSizeBytes: number;
}

type Total = (counters: BrokerCounters) => number;

const loads: Readonly<Record<string, Total>> = {
  "load/messages/received": (counters) => counters.packetsReceived,
  "load/messages/sent": (counters) => counters.packetsSent,
  "load/publish/received": (counters) => counters.publishReceived,
  "load/publish/sent": (counters) => counters.publishSent,
  "load/publish/dropped": droppedTotal,
  "load/bytes/received": (counters) => counters.bytesReceived,
  "load/bytes/sent": (counters) => counters.bytesSent,
  "load/connections": (counters) => counters.connectsAccepted,
  "load/sockets": (counters) => counters.connectionsAccepted,
};

/** The values under `$SYS/broker/`, by the names that mosquitto's exporters read. */
export class SysValues {
  readonly #loads = new Map(Object.keys(loads).map((name) => [name, new Load()]));
  #clientsMax = 0;
  #heapMax = 0;

  /** `elapsedMs` since the last call. */
  collect(source: SysSource, elapsedMs: number): ReadonlyMap<string, string> {
    const { figures, counters, connected } = source;
    this.#clientsMax = Math.max(this.#clientsMax, connected);
    this.#heapMax = Math.max(this.#heapMax, source.heapSizeBytes);
    const away = figures.sessions - connected;
    const values = new Map<string, string>([
      ["version", `flockmq version ${source.version}`],
      ["uptime", `${source.uptimeSeconds} seconds`],
    ]);
    const numbers: Readonly<Record<string, number>> = {
      "clients/connected": connected,
      "clients/active": connected,
      "clients/disconnected": away,
      "clients/inactive": away,
      "clients/total": figures.sessions,
      "clients/maximum": this.#clientsMax,
      "clients/expired": source.sessionsExpired,
      "messages/received": counters.packetsReceived,
      "messages/sent": counters.packetsSent,
      "messages/stored": figures.retained,
      "publish/messages/received": counters.publishReceived,
      "publish/messages/sent": counters.publishSent,
      "publish/messages/dropped": droppedTotal(counters),
      "publish/bytes/received": counters.publishBytesReceived,
      "publish/bytes/sent": counters.publishBytesSent,
      "bytes/received": counters.bytesReceived,
      "bytes/sent": counters.bytesSent,
      "subscriptions/count": figures.subscriptions,
      "shared_subscriptions/count": figures.sharedSubscriptions,
      "retained messages/count": figures.retained,
      "store/messages/count": figures.retained,
      "store/messages/bytes": source.storedSizeBytes,
      "heap/current": source.heapSizeBytes,
      "heap/maximum": this.#heapMax,
    };
    for (const [name, value] of Object.entries(numbers)) values.set(name, String(value));
    for (const [name, load] of this.#loads) {
      load.update(loads[name]?.(counters) ?? 0, elapsedMs);
      for (const [at, window] of loadWindows.entries()) {
        values.set(`${name}/${window}`, (load.rates[at] ?? 0).toFixed(2));
      }
    }
    return values;
  }
}

function droppedTotal(counters: BrokerCounters): number {
  return (
    counters.publishDropped +
    counters.droppedQueueFull +
    counters.droppedQueueSize +
    counters.droppedQueueAge +
    counters.droppedExpired +
    counters.droppedPacketTooLarge +
    counters.droppedSlowConsumer
  );
}
