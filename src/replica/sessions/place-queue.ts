/** What has its place in the queue of a session. */
export interface Place {
  readonly seq: number;
}

/** Places that were taken away, at the least, before the rest is moved together. */
const freeMin = 32;

/**
 * The places of a session's queue, by sequence number, ascending: added at the end and taken away near the front.
 *
 * Not a Map: as its entries come and go it takes a new table every few dozen, the old table refers to the new one and to the places of then, and once
 * one of them has grown old none of what follows can be collected while it is young. Nearly all messages of stored sessions grew old that way.
 */
export class PlaceQueue<One extends Place> {
  /** Those taken away leave null; their numbers stay, so that the others are found. */
  readonly #places: (One | null)[] = [];
  readonly #seqs: number[] = [];
  /** Nothing stands before it. */
  #front = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(seq: number): boolean {
    return this.get(seq) !== undefined;
  }

  get(seq: number): One | undefined {
    const at = this.#find(seq);
    return this.#seqs[at] === seq ? (this.#places[at] ?? undefined) : undefined;
  }

  /** Replaces what has the same number. */
  add(place: One): void {
    const { seq } = place;
    const seqs = this.#seqs;
    const places = this.#places;
    const length = seqs.length;
    if (length === this.#front || seq > seqs[length - 1]!) {
      seqs.push(seq);
      places.push(place);
    } else {
      const at = this.#find(seq);
      if (seqs[at] !== seq) {
        seqs.splice(at, 0, seq);
        places.splice(at, 0, place);
      } else if (places[at] !== null) {
        places[at] = place;
        return;
      } else places[at] = place;
    }
    this.#size++;
  }

  /** False when it was not there. */
  delete(seq: number): boolean {
    const at = this.#find(seq);
    const places = this.#places;
    if (this.#seqs[at] !== seq || places[at] === null) return false;
    places[at] = null;
    this.#size--;
    while (this.#front < places.length && places[this.#front] === null) this.#front++;
    const free = places.length - this.#size;
    // Each is moved once for as many that went.
    if (free >= freeMin && free > this.#size) this.#closeUp();
    return true;
  }

  /** As they are now: what comes and goes meanwhile changes nothing. */
  values(): One[] {
    const found: One[] = [];
    for (let at = this.#front; at < this.#places.length; at++) {
      const place = this.#places[at]!;
      if (place !== null) found.push(place);
    }
    return found;
  }

  /** One after the other, as far as is asked for; nothing may come or go meanwhile. */
  *seqs(): Generator<number> {
    for (let at = this.#front; at < this.#places.length; at++) {
      if (this.#places[at] !== null) yield this.#seqs[at]!;
    }
  }

  /** Where it stands, or would. */
  #find(seq: number): number {
    const seqs = this.#seqs;
    let low = this.#front;
    // Nearly always it is the first one.
    if (seqs[low] === seq) return low;
    let high = seqs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (seqs[middle]! < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #closeUp(): void {
    let to = 0;
    for (let at = this.#front; at < this.#places.length; at++) {
      const place = this.#places[at]!;
      if (place === null) continue;
      this.#places[to] = place;
      this.#seqs[to] = place.seq;
      to++;
    }
    this.#places.length = to;
    this.#seqs.length = to;
    this.#front = 0;
  }
}
