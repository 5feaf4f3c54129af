const PACKET_ID_MASK = 0xffff;
const QOS2_BIT = 1 << 16;
const SETTLED_BIT = 1 << 17;
const REASON_SHIFT = 18;

/** Clients that publish nothing at QoS 1 or 2 have no ring of their own. */
const noRing = new Uint32Array(0);
const ringLengthMin = 16;

export function packetIdOf(entry: number): number {
  return entry & PACKET_ID_MASK;
}

export function isQos2(entry: number): boolean {
  return (entry & QOS2_BIT) !== 0;
}

/** Meaningful once settled. */
export function reasonCodeOf(entry: number): number {
  return entry >>> REASON_SHIFT;
}

/** One acknowledgement taken from the queue. */
export interface PendingAck {
  token: number;
  packetId: number;
  isQos2: boolean;
  isSettled: boolean;
  /** Meaningful once settled. */
  reasonCode: number;
}

/**
 * Acknowledgements that the client waits for, in the order of its PUBLISHes. They are settled in
 * any order and leave in this one [MQTT-4.6.0-2] [MQTT-4.6.0-3]. Tokens are consecutive, so
 * settling is an index into the ring.
 */
export class AckQueue {
  #ring: Uint32Array = noRing;
  #headToken = 1;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds one at the end; answers its token, > 0 and never used twice. */
  push(packetId: number, isQos2: boolean): number {
    if (this.#length === this.#ring.length) this.#grow();
    const token = this.#headToken + this.#length;
    this.#ring[this.#slot(token)] = packetId | (isQos2 ? QOS2_BIT : 0);
    this.#length += 1;
    return token;
  }

  /** Answers false for a token that is not (or no longer) in the queue, or settled already. */
  settle(token: number, reasonCode: number): boolean {
    if (token < this.#headToken || token >= this.#headToken + this.#length) return false;
    const slot = this.#slot(token);
    const entry = this.#ring[slot]!;
    if ((entry & SETTLED_BIT) !== 0) return false;
    this.#ring[slot] = entry | SETTLED_BIT | (reasonCode << REASON_SHIFT);
    return true;
  }

  /**
   * The packet identifier of an entry at QoS 2, 0 for one at QoS 1. The token must be in the queue.
   */
  qos2PacketId(token: number): number {
    const entry = this.#ring[this.#slot(token)]!;
    return isQos2(entry) ? packetIdOf(entry) : 0;
  }

  /** Settles the QoS 2 entry of a packet identifier, wherever it stands. */
  settleQos2(packetId: number, reasonCode: number): void {
    for (let index = 0; index < this.#length; index += 1) {
      const ack = this.#read(this.#headToken + index);
      if (ack.isQos2 && ack.packetId === packetId) this.settle(ack.token, reasonCode);
    }
  }

  /**
   * Takes the oldest one if it is settled, else answers 0: in one number, to be read with `packetIdOf`, `isQos2` and `reasonCodeOf`, since
   * this happens for each message.
   */
  shiftSettled(): number {
    if (this.#length === 0) return 0;
    const entry = this.#ring[this.#slot(this.#headToken)]!;
    if ((entry & SETTLED_BIT) === 0) return 0;
    this.#headToken += 1;
    this.#length -= 1;
    return entry;
  }

  /** Empties the queue; tokens go on counting. */
  drain(): PendingAck[] {
    const acks: PendingAck[] = [];
    for (let index = 0; index < this.#length; index += 1) {
      acks.push(this.#read(this.#headToken + index));
    }
    this.#headToken += this.#length;
    this.#length = 0;
    return acks;
  }

  #read(token: number): PendingAck {
    const entry = this.#ring[this.#slot(token)]!;
    return {
      token,
      packetId: packetIdOf(entry),
      isQos2: isQos2(entry),
      isSettled: (entry & SETTLED_BIT) !== 0,
      reasonCode: reasonCodeOf(entry),
    };
  }

  /** The ring's length is a power of two. */
  #slot(token: number): number {
    return token & (this.#ring.length - 1);
  }

  #grow(): void {
    const old = this.#ring;
    this.#ring = new Uint32Array(Math.max(ringLengthMin, old.length * 2));
    for (let index = 0; index < this.#length; index += 1) {
      const token = this.#headToken + index;
      this.#ring[this.#slot(token)] = old[token & (old.length - 1)]!;
    }
  }
}
