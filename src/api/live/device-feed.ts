import { coordinatesOf } from "../coordinates.ts";
import type { DeviceState } from "../ports.ts";
import type { DeviceChanges } from "./device-changes.ts";
import type { Feed, Place, Step } from "./feed.ts";
import { LivePacket } from "./packet.ts";

/** One viewer's way to read devices; the two that there are stand below. */
export interface DeviceForm {
  /** What a text says of one device, as JSON; null when it says nothing. Null for `device`: it is gone. */
  encode(id: string, device: DeviceState | null, index: number): string | null;
  /** `isReset`: this begins a full set. Null when there is nothing to send. */
  packet(items: readonly string[], isReset: boolean, resume: string | null): LivePacket | null;
}

export interface DeviceFeedOptions {
  readonly form: DeviceForm;
  /** Sorted; null = all devices. */
  readonly ids: readonly string[] | null;
  readonly perBatchMax: number;
  readonly tokenOf: (index: number) => string | null;
}

/** Where a viewer of devices begins that has nothing yet. */
export const fromTheBeginning: Place = { since: 0, after: "" };

/** The latest state of devices: all of them first, then those that changed. What lies between two looks is never sent. */
export class DeviceFeed implements Feed {
  readonly #changes: DeviceChanges;
  readonly #options: DeviceFeedOptions;
  readonly #idSet: ReadonlySet<string> | null;

  constructor(changes: DeviceChanges, options: DeviceFeedOptions) {
    this.#changes = changes;
    this.#options = options;
    this.#idSet = options.ids === null ? null : new Set(options.ids);
  }

  onNews(handler: () => void): () => void {
    return this.#changes.onNews(handler);
  }

  next(place: Place): Step | null {
    const { index, recent } = this.#changes;
    if (place.after !== null) return this.#walk(place, index);
    const isKnown = place.since === index || (index > 0 && place.since >= recent.floor);
    if (!isKnown) return this.#walk(fromTheBeginning, index);
    if (recent.size === 0 || place.since >= index) return null;
    return this.#catchUp(place.since);
  }

  /** One page of all. The walk is as of the index at which it began: what changes meanwhile comes afterwards. */
  #walk({ since: begun, after }: Place, index: number): Step {
    const isReset = after === "";
    const since = isReset ? index : begun;
    const { ids, last } = this.#page(after ?? "");
    const items = this.#encode(ids);
    const resume = last === null ? this.#options.tokenOf(since) : null;
    const packet = this.#options.form.packet(items, isReset, resume);
    return { packet, place: { since, after: last } };
  }

  /** `last` is null when these were the last ones. */
  #page(after: string): { readonly ids: readonly string[]; readonly last: string | null } {
    const { perBatchMax, ids: wanted } = this.#options;
    if (wanted !== null) {
      const from = after === "" ? 0 : wanted.findIndex((id) => id > after);
      const ids = from < 0 ? [] : wanted.slice(from, from + perBatchMax);
      const isLast = from < 0 || from + perBatchMax >= wanted.length;
      const known = ids.filter((id) => this.#changes.devices.get(id) !== null);
      return { ids: known, last: isLast ? null : (ids.at(-1) ?? null) };
    }
    const ids = this.#changes.devices.list(after, perBatchMax).map(({ id }) => id);
    return { ids, last: ids.length < perBatchMax ? null : (ids.at(-1) ?? null) };
  }

  #catchUp(since: number): Step | null {
    const { ids, last } = this.#changedSince(since);
    if (last === since) return null;
    const items = this.#encode(ids);
    const packet =
      items.length === 0
        ? null
        : this.#options.form.packet(items, false, this.#options.tokenOf(last));
    return { packet, place: { since: last, after: null } };
  }

  #changedSince(since: number): { readonly ids: readonly string[]; readonly last: number } {
    const { recent, index } = this.#changes;
    const wanted = this.#idSet;
    if (wanted === null) return recent.since(since, this.#options.perBatchMax);
    const ids = [...wanted].filter((id) => recent.indexOf(id) > since);
    return { ids, last: index };
  }

  #encode(ids: readonly string[]): string[] {
    const { devices, recent } = this.#changes;
    const items: string[] = [];
    for (const id of ids) {
      const item = this.#options.form.encode(id, devices.get(id), recent.indexOf(id));
      if (item !== null) items.push(item);
    }
    return items;
  }
}

/** The form of `/coordinates`: arrays of positions, and nothing about devices that are gone. */
export const coordinateForm: DeviceForm = {
  encode: (_id, device) => {
    const coordinates = device === null ? null : coordinatesOf(device);
    return coordinates === null ? null : JSON.stringify(coordinates);
  },
  packet: (items, isReset, resume) =>
    // An empty set is told, too: the viewer is in step.
    items.length === 0 && !isReset
      ? null
      : new LivePacket("coordinates", `[${items.join(",")}]`, resume),
};

/** The form of `/api/v1/live`: whole devices, and the names of those that are gone. */
export function changeForm(bodyOf: (device: DeviceState) => object): DeviceForm {
  return {
    encode: (id, device, index) =>
      JSON.stringify(device === null ? { id, version: index, isDeleted: true } : bodyOf(device)),
    packet: (items, isReset, resume) => {
      if (items.length === 0 && !isReset && resume === null) return null;
      const reset = isReset ? ',"reset":true' : "";
      const token = resume === null ? "" : `,"resume":${JSON.stringify(resume)}`;
      const json = `{"type":"devices"${reset},"changes":[${items.join(",")}]${token}}`;
      return new LivePacket("devices", json, resume);
    },
  };
}
