import type { Cancel, Clock, Counters } from "#cluster";
import type { Feed, Place, Step } from "./feed.ts";
import type { LivePacket } from "./packet.ts";

/** What a channel needs of one that it sends to. */
export interface Receiver {
  /** It has so much unread that more would only grow old in its buffer. */
  readonly isBehind: boolean;
  send(packet: LivePacket): void;
  /** What `work` sends leaves in one piece. */
  gather(work: () => void): void;
}

export interface ChannelOptions {
  readonly feed: Feed;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Shortest time between two looks at the feed. */
  readonly intervalMs: number;
  readonly welcomeMs: number;
  /** What one viewer gets in one turn of the event loop; the rest follows after `welcomeMs`. */
  readonly sizeBytesPerTurnMax: number;
}

/** "behind": it cannot take what there is for it now. */
type Advance = "has-all" | "has-more" | "behind";

/**
 * One feed at one pace, for all who want the same: each step of the feed is worked out once, however many are at its place. Who is
 * behind is passed over, and gets what is newest by the time it has read.
 */
export class Channel {
  readonly #options: ChannelOptions;
  readonly #places = new Map<Receiver, Place>();
  /** Came since the last look; they need not wait for the next one. */
  readonly #newcomers = new Set<Receiver>();
  readonly #held = new Set<Receiver>();
  #stopListening: (() => void) | null = null;
  #cancelLook: Cancel | null = null;
  #cancelWelcome: Cancel | null = null;
  #lastLookMs = Number.NEGATIVE_INFINITY;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#places.size;
  }

  placeOf(receiver: Receiver): Place | null {
    return this.#places.get(receiver) ?? null;
  }

  /** `isHeld`: nothing is sent before `release`, and nothing behind the place is forgotten meanwhile. */
  add(receiver: Receiver, place: Place, isHeld = false): void {
    this.#places.set(receiver, place);
    if (isHeld) this.#held.add(receiver);
    this.#stopListening ??= this.#options.feed.onNews(() => this.#wake());
    this.#welcomeSoon(receiver);
  }

  release(receiver: Receiver): void {
    if (this.#held.delete(receiver)) this.#welcomeSoon(receiver);
  }

  remove(receiver: Receiver): void {
    this.#places.delete(receiver);
    this.#held.delete(receiver);
    this.#newcomers.delete(receiver);
    if (this.#places.size === 0) this.stop();
  }

  stop(): void {
    this.#stopListening?.();
    this.#cancelLook?.();
    this.#cancelWelcome?.();
    this.#stopListening = null;
    this.#cancelLook = null;
    this.#cancelWelcome = null;
  }

  #wake(): void {
    if (this.#cancelLook !== null) return;
    const { clock, intervalMs } = this.#options;
    const dueMs = this.#lastLookMs + intervalMs - clock.monotonicMs();
    this.#cancelLook = clock.after(Math.max(0, dueMs), () => this.#look());
  }

  #look(): void {
    this.#cancelLook = null;
    this.#lastLookMs = this.#options.clock.monotonicMs();
    this.#serve(this.#places.keys());
  }

  #welcome(): void {
    this.#cancelWelcome = null;
    this.#serve([...this.#newcomers]);
  }

  #welcomeSoon(receiver: Receiver): void {
    this.#newcomers.add(receiver);
    const { clock, welcomeMs } = this.#options;
    this.#cancelWelcome ??= clock.after(welcomeMs, () => this.#welcome());
  }

  #serve(receivers: Iterable<Receiver>): void {
    const steps = new Map<string, Step | null>();
    let isAnyBehind = false;
    for (const receiver of receivers) {
      this.#newcomers.delete(receiver);
      if (this.#held.has(receiver)) continue;
      const outcome = this.#advance(receiver, steps);
      if (outcome === "has-more") this.#welcomeSoon(receiver);
      if (outcome === "behind") {
        this.#options.counters.add("viewerBatchesSkipped");
        isAnyBehind = true;
      }
    }
    this.#forget();
    if (isAnyBehind) this.#wake();
  }

  #advance(receiver: Receiver, steps: Map<string, Step | null>): Advance {
    let outcome: Advance = "has-all";
    receiver.gather(() => {
      outcome = this.#sendSteps(receiver, steps);
    });
    return outcome;
  }

  #sendSteps(receiver: Receiver, steps: Map<string, Step | null>): Advance {
    let left = this.#options.sizeBytesPerTurnMax;
    for (;;) {
      const place = this.#places.get(receiver);
      const step = place === undefined ? null : this.#step(place, steps);
      if (step === null) return "has-all";
      if (step.packet !== null) {
        if (left <= 0) return "has-more";
        if (receiver.isBehind) return "behind";
        receiver.send(step.packet);
        left -= step.packet.sizeBytes;
      }
      if (step.missed !== undefined) {
        this.#options.counters.add("viewerMessagesDropped", step.missed);
      }
      // Whoever left while it was written to has no place any more.
      if (this.#places.has(receiver)) this.#places.set(receiver, step.place);
    }
  }

  #step(place: Place, steps: Map<string, Step | null>): Step | null {
    const key = place.after === null ? `${place.since}` : `${place.since} ${place.after}`;
    let step = steps.get(key);
    if (step === undefined) {
      step = this.#options.feed.next(place);
      steps.set(key, step);
    }
    return step;
  }

  #forget(): void {
    const { feed } = this.#options;
    if (feed.forgetUntil === undefined) return;
    let since = Number.POSITIVE_INFINITY;
    for (const place of this.#places.values()) since = Math.min(since, place.since);
    if (since !== Number.POSITIVE_INFINITY) feed.forgetUntil(since);
  }
}
