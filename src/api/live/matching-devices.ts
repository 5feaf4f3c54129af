import type { Cancel, Clock, Counters } from "#cluster";
import { SortedKeys } from "../../replica/sorted-keys.ts";
import type { DeviceState } from "../ports.ts";
import type { DeviceChanges } from "./device-changes.ts";
import type { DeviceSelection, SelectedState } from "./device-selection.ts";
import { NewsListeners } from "./feed.ts";
import type { LiveLimits } from "./limits.ts";
import { RecentChanges } from "./recent-changes.ts";

export interface MatchingDevicesOptions {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly limits: LiveLimits;
  readonly matches: (device: DeviceState) => boolean;
}

interface Scan {
  after: string;
  /** Of the state at its beginning. */
  readonly index: number;
  readonly replacedCount: number;
}

/**
 * The devices that a condition is true for, for all viewers of that condition together. It is asked once for each device, and again when
 * that device has changed, a bounded number of times in one turn of the event loop; so a costly condition makes its own viewers wait,
 * and nobody else.
 */
export class MatchingDevices implements DeviceSelection {
  readonly #changes: DeviceChanges;
  readonly #options: MatchingDevicesOptions;
  readonly #listeners = new NewsListeners();
  readonly #stopListening: () => void;
  readonly #matching = new Set<string>();
  readonly #sorted = new SortedKeys();
  /** Devices that matched or ceased to, at the index of the change. */
  #relevant: RecentChanges;
  /** Up to this index every change has been looked at. */
  #index = Number.NEGATIVE_INFINITY;
  /** On the way through all devices, behind `after`. */
  #scan: Scan | null = null;
  #cancelTurn: Cancel | null = null;
  #lastTurnMs = Number.NEGATIVE_INFINITY;

  constructor(changes: DeviceChanges, options: MatchingDevicesOptions) {
    this.#changes = changes;
    this.#options = options;
    this.#relevant = new RecentChanges(options.limits.changesKeptMax);
    this.#stopListening = changes.onNews(() => this.#wake());
    this.#wake();
  }

  get isReady(): boolean {
    return this.#scan === null && this.#index !== Number.NEGATIVE_INFINITY;
  }

  get index(): number {
    return this.#index;
  }

  /** Before the first look at the condition, all changes serve as well: whoever does not match now has left, or was never there. */
  get floor(): number {
    return Math.min(this.#relevant.floor, this.#changes.recent.floor);
  }

  page(after: string, count: number): ReturnType<DeviceSelection["page"]> {
    const ids = this.#sorted.after(after, count);
    return { ids, last: ids.length < count ? null : (ids.at(-1) ?? null) };
  }

  changedSince(since: number, count: number): ReturnType<DeviceSelection["changedSince"]> {
    const source = since >= this.#relevant.floor ? this.#relevant : this.#changes.recent;
    const { ids, last } = source.since(since, count);
    return { ids, last: ids.length < count ? this.#index : Math.min(last, this.#index) };
  }

  stateOf(id: string): SelectedState {
    const { devices, recent } = this.#changes;
    if (recent.indexOf(id) > this.#index) return "unsettled";
    const device = devices.get(id);
    return device === null || this.#matching.has(id) ? device : "left";
  }

  onNews(handler: () => void): () => void {
    return this.#listeners.add(handler);
  }

  stop(): void {
    this.#stopListening();
    this.#cancelTurn?.();
    this.#cancelTurn = null;
  }

  #wake(): void {
    if (this.#cancelTurn !== null) return;
    const { clock, limits } = this.#options;
    const dueMs = this.#lastTurnMs + limits.welcomeMs - clock.monotonicMs();
    this.#cancelTurn = clock.after(Math.max(0, dueMs), () => this.#turn());
  }

  #turn(): void {
    this.#cancelTurn = null;
    this.#lastTurnMs = this.#options.clock.monotonicMs();
    if (this.#mustBeginAnew()) this.#beginScan();
    const isDone = this.#scan === null ? this.#lookAtChanges() : this.#lookAtAll(this.#scan);
    if (!isDone) this.#wake();
    if (this.isReady) this.#listeners.tell();
  }

  #mustBeginAnew(): boolean {
    const { index, recent, devices } = this.#changes;
    if (this.#scan !== null) return this.#scan.replacedCount !== devices.replacedCount;
    // Where changes have no place in the log, each of them is another state.
    return index > 0 ? this.#index < recent.floor : this.#index !== index;
  }

  #beginScan(): void {
    const { index, devices } = this.#changes;
    this.#matching.clear();
    this.#sorted.clear();
    this.#scan = { after: "", index, replacedCount: devices.replacedCount };
  }

  /** One part of the way; true when nothing is left to do now. */
  #lookAtAll(scan: Scan): boolean {
    const count = this.#options.limits.matchesPerTurnMax;
    const devices = this.#changes.devices.list(scan.after, count);
    for (const device of devices) this.#judge(device.id, device);
    if (devices.length === count) {
      scan.after = devices.at(-1)?.id ?? scan.after;
      return false;
    }
    this.#scan = null;
    this.#index = scan.index;
    this.#relevant = new RecentChanges(this.#options.limits.changesKeptMax);
    this.#relevant.begin(scan.index);
    return scan.index === this.#changes.index;
  }

  #lookAtChanges(): boolean {
    const { recent, devices, index } = this.#changes;
    if (index <= this.#index) return true;
    const count = this.#options.limits.matchesPerTurnMax;
    const { ids, last } = recent.since(this.#index, count);
    for (const id of ids) {
      const isRelevant = this.#judge(id, devices.get(id));
      if (isRelevant) this.#relevant.record(id, recent.indexOf(id));
    }
    const isDone = ids.length < count;
    this.#index = isDone ? index : last;
    return isDone;
  }

  /** Whether it matches, or did until now. */
  #judge(id: string, device: DeviceState | null): boolean {
    this.#options.counters.add("viewerConditionsJudged");
    const did = this.#matching.has(id);
    const does = device !== null && this.#options.matches(device);
    if (does && !did) {
      this.#matching.add(id);
      this.#sorted.add(id);
    } else if (did && !does) {
      this.#matching.delete(id);
      this.#sorted.delete(id);
    }
    return does || did;
  }
}
