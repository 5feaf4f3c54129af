import { coordinatesOf } from "../coordinates.ts";
import type { DeviceState } from "../ports.ts";
import type { DeviceSelection } from "./device-selection.ts";
import type { Feed, Place, Step } from "./feed.ts";
import { LivePacket } from "./packet.ts";

/** What one text is of the whole. */
export interface DevicePart {
  /** A full set begins with it. */
  readonly isReset: boolean;
  /** A full set ends with it. */
  readonly isComplete: boolean;
  readonly resume: string | null;
}

/** One viewer's way to read devices; those that there are stand below. */
export interface DeviceForm {
  /**
   * What a text says of one device, as JSON; null when it says nothing. Null for `device`: it is gone; "left": it is none of those that
   * the viewer wants any more.
   */
  encode(id: string, device: DeviceState | null | "left", index: number): string | null;
  /** Null when there is nothing to send. */
  packet(items: readonly string[], part: DevicePart): LivePacket | null;
}

export interface DeviceFeedOptions {
  readonly form: DeviceForm;
  readonly selection: DeviceSelection;
  /** When a device changed last; 0 where it is not known. */
  readonly indexOf: (id: string) => number;
  readonly perBatchMax: number;
  readonly tokenOf: (index: number) => string | null;
}

/** Where a viewer of devices begins that has nothing yet. */
export const fromTheBeginning: Place = { since: 0, after: "" };

/** The latest state of devices: all of them first, then those that changed. What lies between two looks is never sent. */
export class DeviceFeed implements Feed {
  readonly #options: DeviceFeedOptions;

  constructor(options: DeviceFeedOptions) {
    this.#options = options;
  }

  onNews(handler: () => void): () => void {
    return this.#options.selection.onNews(handler);
  }

  next(place: Place): Step | null {
    const { index, floor, isReady } = this.#options.selection;
    if (!isReady) return null;
    if (place.after !== null) return this.#walk(place, index);
    const isKnown = place.since === index || (index > 0 && place.since >= floor);
    if (!isKnown) return this.#walk(fromTheBeginning, index);
    return place.since >= index ? null : this.#catchUp(place.since);
  }

  /** One page of all. The walk is as of the index at which it began: what changes meanwhile comes afterwards. */
  #walk({ since: begun, after }: Place, index: number): Step {
    const { selection, perBatchMax, tokenOf, form } = this.#options;
    const isReset = after === "";
    const since = isReset ? index : begun;
    const { ids, last } = selection.page(after ?? "", perBatchMax);
    const isComplete = last === null;
    const resume = isComplete ? tokenOf(since) : null;
    const packet = form.packet(this.#encode(ids), { isReset, isComplete, resume });
    return { packet, place: { since, after: last } };
  }

  #catchUp(since: number): Step | null {
    const { selection, perBatchMax, tokenOf, form } = this.#options;
    const { ids, last } = selection.changedSince(since, perBatchMax);
    if (last === since) return null;
    const items = this.#encode(ids);
    const part = { isReset: false, isComplete: false, resume: tokenOf(last) };
    const packet = items.length === 0 ? null : form.packet(items, part);
    return { packet, place: { since: last, after: null } };
  }

  #encode(ids: readonly string[]): string[] {
    const { selection, form, indexOf } = this.#options;
    const items: string[] = [];
    for (const id of ids) {
      const state = selection.stateOf(id);
      const item = state === "unsettled" ? null : form.encode(id, state, indexOf(id));
      if (item !== null) items.push(item);
    }
    return items;
  }
}

/** The form of `/coordinates`: arrays of positions, and nothing about devices that are gone. */
export const coordinateForm: DeviceForm = {
  encode: (_id, device) => {
    const coordinates = device === null || device === "left" ? null : coordinatesOf(device);
    return coordinates === null ? null : JSON.stringify(coordinates);
  },
  packet: (items, { isReset, resume }) =>
    // An empty set is told, too: the viewer is in step.
    items.length === 0 && !isReset ? null : coordinatesPacket(items, resume),
};

/** The same for viewers who asked to hear of devices that have no position any more, and of where a full set begins and ends. */
export const goneForm: DeviceForm = {
  encode: (id, device, index) =>
    coordinateForm.encode(id, device, index) ?? JSON.stringify({ deviceId: id, isGone: true }),
  packet: (items, { isReset, isComplete, resume }) => {
    const begin = isReset ? ['{"isReset":true}'] : [];
    const end = isComplete ? ['{"isComplete":true}'] : [];
    const all = [...begin, ...items, ...end];
    return all.length === 0 ? null : coordinatesPacket(all, resume);
  },
};

function coordinatesPacket(items: readonly string[], resume: string | null): LivePacket {
  return new LivePacket("coordinates", `[${items.join(",")}]`, resume);
}

/** The form of `/api/v1/live`: whole devices, and the names of those that are gone. */
export function changeForm(bodyOf: (device: DeviceState) => object): DeviceForm {
  return {
    encode: (id, device, index) => {
      if (device === null) return JSON.stringify({ id, version: index, isDeleted: true });
      if (device === "left") return JSON.stringify({ id, version: index, hasLeft: true });
      return JSON.stringify(bodyOf(device));
    },
    packet: (items, { isReset, resume }) => {
      if (items.length === 0 && !isReset && resume === null) return null;
      const reset = isReset ? ',"reset":true' : "";
      const token = resume === null ? "" : `,"resume":${JSON.stringify(resume)}`;
      const json = `{"type":"devices"${reset},"changes":[${items.join(",")}]${token}}`;
      return new LivePacket("devices", json, resume);
    },
  };
}
