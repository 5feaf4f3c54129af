import type { DeviceState } from "../ports.ts";
import type { DeviceChanges } from "./device-changes.ts";

/** "left": it is there, and not among the chosen any more. "unsettled": not known yet; more is told of it later. */
export type SelectedState = DeviceState | null | "left" | "unsettled";

/** Which devices one feed is about, and what changed among them. */
export interface DeviceSelection {
  /** Not before is there anything to read. */
  readonly isReady: boolean;
  /** As {@link DeviceChanges.index}: up to here what is read is complete. */
  readonly index: number;
  /** Every change after this index is known. */
  readonly floor: number;
  /** In the order of the identifiers; `last` is null when these were the last ones. */
  page(
    after: string,
    count: number,
  ): { readonly ids: readonly string[]; readonly last: string | null };
  /** About `count` of those that changed, oldest change first; one goes on behind `last`. */
  changedSince(
    since: number,
    count: number,
  ): { readonly ids: readonly string[]; readonly last: number };
  stateOf(id: string): SelectedState;
  onNews(handler: () => void): () => void;
}

export class AllDevices implements DeviceSelection {
  readonly isReady = true;
  readonly #changes: DeviceChanges;

  constructor(changes: DeviceChanges) {
    this.#changes = changes;
  }

  get index(): number {
    return this.#changes.index;
  }

  get floor(): number {
    return this.#changes.recent.floor;
  }

  page(after: string, count: number): ReturnType<DeviceSelection["page"]> {
    const ids = this.#changes.devices.list(after, count).map(({ id }) => id);
    return { ids, last: ids.length < count ? null : (ids.at(-1) ?? null) };
  }

  changedSince(since: number, count: number): ReturnType<DeviceSelection["changedSince"]> {
    return this.#changes.recent.since(since, count);
  }

  stateOf(id: string): SelectedState {
    return this.#changes.devices.get(id);
  }

  onNews(handler: () => void): () => void {
    return this.#changes.onNews(handler);
  }
}

export class NamedDevices extends AllDevices {
  readonly #changes: DeviceChanges;
  readonly #ids: readonly string[];

  /** `ids` are sorted, each once. */
  constructor(changes: DeviceChanges, ids: readonly string[]) {
    super(changes);
    this.#changes = changes;
    this.#ids = ids;
  }

  override page(after: string, count: number): ReturnType<DeviceSelection["page"]> {
    const from = after === "" ? 0 : this.#ids.findIndex((id) => id > after);
    const ids = from < 0 ? [] : this.#ids.slice(from, from + count);
    const isLast = from < 0 || from + count >= this.#ids.length;
    const known = ids.filter((id) => this.#changes.devices.get(id) !== null);
    return { ids: known, last: isLast ? null : (ids.at(-1) ?? null) };
  }

  override changedSince(since: number): ReturnType<DeviceSelection["changedSince"]> {
    const { recent, index } = this.#changes;
    return { ids: this.#ids.filter((id) => recent.indexOf(id) > since), last: index };
  }
}
