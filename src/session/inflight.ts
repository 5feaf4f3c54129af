import { PACKET_IDS_MAX } from "./link.ts";
import { PacketIdTable } from "./packet-id-table.ts";
import type { OutboundEntry } from "./send-queue.ts";

/**
 * Sent and not completed, by packet identifier. Iterates in the order in which a new connection has
 * to resend: PUBLISHes as they were first sent [MQTT-4.6.0-1], then PUBRELs in the order of the
 * PUBRECs.
 */
export class Inflight {
  /** Below it are the identifiers that follow from places in the stored queue; the rest is given out in turn. */
  readonly #firstFree: number;
  readonly #entries = new PacketIdTable<OutboundEntry>();
  /** Counts what was added or released: the order in which a new connection repeats it. */
  #lastOrder = 0;
  /** Identifiers of QoS 2 messages that are complete, which the log does not know yet. */
  #unsettled: Set<number> | null = null;
  #lastPacketId: number;

  constructor(isStored: boolean) {
    this.#firstFree = isStored ? STORED_PACKET_IDS_MAX + 1 : 1;
    this.#lastPacketId = this.#firstFree - 1;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(packetId: number): OutboundEntry | undefined {
    return this.#entries.get(packetId);
  }

  /** False while the identifier that belongs to its place is still in use. */
  hasRoomFor({ seq }: OutboundEntry): boolean {
    if (seq === 0) return this.#entries.size < PACKET_IDS_MAX - this.#firstFree;
    const packetId = packetIdOf(seq);
    return !this.#entries.has(packetId) && this.#unsettled?.has(packetId) !== true;
  }

  /**
   * A QoS 2 exchange is complete. Until the log has that, another node would repeat its PUBREL, which must not meet a later message
   * under the same identifier.
   */
  holdPlace(seq: number): void {
    this.#unsettled ??= new Set();
    this.#unsettled.add(packetIdOf(seq));
  }

  /** The log has it; true when its identifier had been held. */
  freePlace(seq: number): boolean {
    return this.#unsettled?.delete(packetIdOf(seq)) === true;
  }

  /**
   * Gives the entry its packet identifier: the one of its place in the stored queue, else the next free one [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1]. Only
   * with `hasRoomFor`.
   */
  add(entry: OutboundEntry): void {
    entry.packetId = entry.seq === 0 ? this.#nextFree() : packetIdOf(entry.seq);
    entry.order = ++this.#lastOrder;
    this.#entries.add(entry);
  }

  /** What holds the identifier of this place. */
  atPlace(seq: number): OutboundEntry | undefined {
    return this.get(packetIdOf(seq));
  }

  /** PUBREC has come: from now on PUBREL is what a new connection repeats. */
  moveToReleased(entry: OutboundEntry): void {
    entry.isReleased = true;
    entry.order = ++this.#lastOrder;
  }

  delete(packetId: number): void {
    this.#entries.delete(packetId);
  }

  /** In the order to repeat them in. */
  values(): OutboundEntry[] {
    return this.#entries.values().sort((one, other) => one.order - other.order);
  }

  #nextFree(): number {
    let packetId = this.#lastPacketId;
    do packetId = packetId >= PACKET_IDS_MAX ? this.#firstFree : packetId + 1;
    while (this.#entries.has(packetId));
    this.#lastPacketId = packetId;
    return packetId;
  }
}

/** The lower half of the identifiers belongs to the stored queue of a stored session. */
const STORED_PACKET_IDS_MAX = 32_767;

/** The same on every node that the client may come back to [MQTT-4.4.0-1]. */
function packetIdOf(seq: number): number {
  return ((seq - 1) % STORED_PACKET_IDS_MAX) + 1;
}
