import { PACKET_IDS_MAX } from "./link.ts";
import type { OutboundEntry } from "./send-queue.ts";

/**
 * Sent and not completed, by packet identifier. Iterates in the order in which a new connection has
 * to resend: PUBLISHes as they were first sent [MQTT-4.6.0-1], then PUBRELs in the order of the
 * PUBRECs.
 */
export class Inflight {
  readonly #entries = new Map<number, OutboundEntry>();
  #lastPacketId = 0;

  get size(): number {
    return this.#entries.size;
  }

  get(packetId: number): OutboundEntry | undefined {
    return this.#entries.get(packetId);
  }

  /**
   * Gives the entry the next free packet identifier, 1 first [MQTT-2.2.1-4] [MQTT-4.3.2-1]
   * [MQTT-4.3.3-1]. The caller keeps `size` below 65,535.
   */
  add(entry: OutboundEntry): void {
    let packetId = this.#lastPacketId;
    do packetId = (packetId % PACKET_IDS_MAX) + 1;
    while (this.#entries.has(packetId));
    this.#lastPacketId = packetId;
    entry.packetId = packetId;
    this.#entries.set(packetId, entry);
  }

  /** Takes over an entry that has its identifier from an earlier life of the session. */
  restore(entry: OutboundEntry): void {
    this.#entries.set(entry.packetId, entry);
    this.#lastPacketId = entry.packetId;
  }

  /** PUBREC has come: from now on PUBREL is what a new connection repeats. */
  moveToReleased(entry: OutboundEntry): void {
    entry.isReleased = true;
    this.#entries.delete(entry.packetId);
    this.#entries.set(entry.packetId, entry);
  }

  delete(packetId: number): void {
    this.#entries.delete(packetId);
  }

  values(): IterableIterator<OutboundEntry> {
    return this.#entries.values();
  }
}
