import type { StateWriter } from "#cluster";
import type { AttributeState, DeviceQueries, DeviceState } from "../api/ports.ts";
import { type AttributeRecord, decodeAttribute, encodeAttribute } from "./attribute-codec.ts";
import type { RecordHash } from "./digest.ts";
import type { ReplicaLimits } from "./limits.ts";
import { recordPrefix, type StateRecords } from "./records.ts";
import type { AttributeUpdate } from "./replica-api.ts";
import { SortedKeys } from "./sorted-keys.ts";
import { mergeValues } from "./state-value.ts";

interface Attribute extends AttributeRecord {
  readonly hash: RecordHash;
}

class Device implements DeviceState {
  readonly id: string;
  readonly attributes = new Map<string, Attribute>();

  constructor(id: string) {
    this.id = id;
  }

  get version(): number {
    return this.#latest((attribute) => attribute.version);
  }

  get updatedAtMs(): number {
    return this.#latest((attribute) => attribute.timeMs);
  }

  #latest(figure: (attribute: AttributeState) => number): number {
    let latest = 0;
    for (const attribute of this.attributes.values()) {
      latest = Math.max(latest, figure(attribute));
    }
    return latest;
  }
}

/** What became of one update. */
/** By whom and when an attribute was written; the version is one that no other value of it has. */
export type AttributeOrigin = Pick<AttributeRecord, "source" | "timeMs" | "version">;

export type UpdateOutcome =
  | "changed"
  | "ignored"
  | "too-many-devices"
  | "too-many-attributes"
  | "too-large";

const separator = "\0";

/** Device -> attribute -> latest value. */
export class DeviceView implements DeviceQueries {
  readonly #records: StateRecords;
  readonly #limits: ReplicaLimits;
  readonly #devices = new Map<string, Device>();
  readonly #sortedIds = new SortedKeys();
  readonly #handlers = new Set<(id: string) => void>();
  readonly #handlerFailed: () => void;

  constructor(records: StateRecords, limits: ReplicaLimits, handlerFailed: () => void) {
    this.#records = records;
    this.#limits = limits;
    this.#handlerFailed = handlerFailed;
  }

  count(): number {
    return this.#devices.size;
  }

  get(id: string): DeviceState | null {
    return this.#devices.get(id) ?? null;
  }

  /** 0 when there is no such attribute. */
  versionOf(id: string, attribute: string): number {
    return this.#devices.get(id)?.attributes.get(attribute)?.version ?? 0;
  }

  list(after: string, limit: number): readonly DeviceState[] {
    return this.#sortedIds.after(after, limit).map((id) => this.#devices.get(id)!);
  }

  onChanged(handler: (id: string) => void): () => void {
    // Wrapped, so that the same function registered twice is two registrations.
    const registered = (id: string): void => handler(id);
    this.#handlers.add(registered);
    return () => {
      this.#handlers.delete(registered);
    };
  }

  /**
   * Sets the attribute to the value; where the old and the new value are both JSON objects, the fields of the new one are added to
   * the old one's, unless it is to replace them. An undefined value removes the attribute, and with the last one the device.
   */
  update(
    update: AttributeUpdate,
    origin: AttributeOrigin,
    writer: StateWriter,
    isReplacing = false,
  ): UpdateOutcome {
    const { device: id, attribute: name } = update;
    if (!this.#isName(id) || !this.#isName(name)) {
      return "ignored";
    }
    const device = this.#devices.get(id);
    const previous = device?.attributes.get(name);
    const key = `${recordPrefix.attribute}${id}${separator}${name}`;
    if (update.value === undefined) {
      if (device === undefined || previous === undefined) {
        return "ignored";
      }
      this.#records.delete(writer, key, previous.hash);
      this.#forget(device, name);
      return "changed";
    }
    if (device === undefined && this.#devices.size >= this.#limits.devicesMax) {
      return "too-many-devices";
    }
    const attributes = device?.attributes.size ?? 0;
    if (previous === undefined && attributes >= this.#limits.attributesPerDeviceMax) {
      return "too-many-attributes";
    }
    const value = isReplacing ? update.value : mergeValues(previous?.value, update.value);
    const attribute = { value, ...origin };
    const encoded = encodeAttribute(attribute);
    if (encoded.valueSizeBytes > this.#limits.valueSizeBytesMax) {
      return "too-large";
    }
    const hash = this.#records.put(writer, key, encoded.record, previous?.hash ?? null);
    this.#keep(id, name, { ...attribute, hash });
    return "changed";
  }

  /** Tells everyone that a device changed; a handler that throws is counted and does not disturb the others. */
  notify(id: string): void {
    for (const handler of this.#handlers) {
      try {
        handler(id);
      } catch {
        this.#handlerFailed();
      }
    }
  }

  notifyAll(): void {
    if (this.#handlers.size > 0) {
      for (const id of this.#devices.keys()) {
        this.notify(id);
      }
    }
  }

  /** `path` is the record's key without its prefix. False for a record that cannot be read. */
  restore(path: string, value: Uint8Array, hash: RecordHash): boolean {
    const end = path.indexOf(separator);
    const attribute = decodeAttribute(value);
    if (end <= 0 || attribute === null) {
      return false;
    }
    this.#keep(path.slice(0, end), path.slice(end + 1), { ...attribute, hash });
    return true;
  }

  clear(): void {
    this.#devices.clear();
    this.#sortedIds.clear();
  }

  #isName(text: string): boolean {
    const { nameLengthMax } = this.#limits;
    return text !== "" && text.length <= nameLengthMax && !text.includes(separator);
  }

  #keep(id: string, name: string, attribute: Attribute): void {
    let device = this.#devices.get(id);
    if (device === undefined) {
      device = new Device(id);
      this.#devices.set(id, device);
      this.#sortedIds.add(id);
    }
    device.attributes.set(name, attribute);
  }

  #forget(device: Device, name: string): void {
    device.attributes.delete(name);
    if (device.attributes.size === 0) {
      this.#devices.delete(device.id);
      this.#sortedIds.delete(device.id);
    }
  }
}
