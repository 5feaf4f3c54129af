import type { StateWriter } from "#cluster";
import type { DeviceQueries, DeviceState, HistoryValue } from "../api/ports.ts";
import { type AttributeRecord, decodeAttribute, encodeAttribute } from "./attribute-codec.ts";
import { ByteWriter } from "./byte-writer.ts";
import { Attribute, Device } from "./device.ts";
import type { DeviceHistories } from "./device-history.ts";
import { DevicePresence } from "./device-presence.ts";
import type { RecordHash } from "./digest.ts";
import { ExpiryQueue } from "./expiry-queue.ts";
import type { ReplicaLimits } from "./limits.ts";
import { recordPrefix, type StateRecords } from "./records.ts";
import type { AttributeUpdate } from "./replica-api.ts";
import { decodeShadow, encodeShadow, type Shadow } from "./shadow-record.ts";
import { SortedKeys } from "./sorted-keys.ts";
import { mergeValues } from "./state-value.ts";
import type { Versions } from "./versions.ts";

/** By whom, where and when an attribute was written; the version is one that no other value of it has. */
export type AttributeOrigin = Pick<AttributeRecord, "source" | "timeMs" | "version" | "node">;

/** What became of one update. */
export type UpdateOutcome =
  | "changed"
  | "ignored"
  | "too-many-devices"
  | "too-many-attributes"
  | "too-large";

export interface DeviceViewParts {
  readonly records: StateRecords;
  readonly versions: Versions;
  readonly limits: ReplicaLimits;
  readonly histories: DeviceHistories;
  readonly isConnected: (clientId: string) => boolean;
  readonly handlerFailed: () => void;
}

const separator = "\0";
/** Of the records that share a piece of memory. */
const recordsSizeBytes = 8192;

/** Device -> attribute -> latest value, what the device is to be, and what a node remembers of before. */
export class DeviceView implements DeviceQueries {
  readonly presence: DevicePresence;
  readonly #parts: DeviceViewParts;
  #devices = new Map<string, Device>();
  readonly #sortedIds = new SortedKeys();
  readonly #expiry = new ExpiryQueue<Attribute>();
  readonly #handlers = new Set<(id: string) => void>();
  /** Records stay in memory until they are on the disk, all for about as long. */
  readonly #writer = new ByteWriter(recordsSizeBytes);
  /** Before `clear`, until `restored`: whose histories go on with the restored values. */
  #before: ReadonlyMap<string, Device> | null = null;
  /** The replica sets it with each command, before its changes. */
  index = 0;
  replacedCount = 0;

  constructor(parts: DeviceViewParts) {
    this.#parts = parts;
    this.presence = new DevicePresence({
      records: parts.records,
      isConnected: parts.isConnected,
      deviceOf: (id) => this.#devices.get(id) ?? null,
    });
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

  history(id: string, name: string, limit: number): readonly HistoryValue[] {
    const attribute = this.#devices.get(id)?.attributes.get(name);
    if (attribute === undefined || limit < 1) return [];
    const { value, version, timeMs } = attribute;
    return attribute.history?.values(limit) ?? [{ value, version, timeMs }];
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
  update(update: AttributeUpdate, origin: AttributeOrigin, writer: StateWriter): UpdateOutcome {
    const { device: id, attribute: name, ttlSeconds = 0 } = update;
    const device = this.#devices.get(id);
    const attribute = device?.attributes.get(name);
    if (update.value === undefined) {
      if (device === undefined || attribute === undefined) return "ignored";
      this.#remove(device, attribute, writer);
      return "changed";
    }
    if (attribute === undefined) {
      const refusal = this.refusalOf(id, name, device);
      if (refusal !== null) return refusal;
    }
    const value =
      update.isReplacing === true ? update.value : mergeValues(attribute?.value, update.value);
    const expiresAtMs = ttlSeconds > 0 ? origin.timeMs + ttlSeconds * 1000 : Infinity;
    const { version, timeMs, source, node } = origin;
    // Field by field: a spread costs as much as all the rest of it.
    const record: AttributeRecord = { value, version, timeMs, source, node, expiresAtMs };
    const text = value === update.value ? update.text : undefined;
    const encoded = encodeAttribute(record, text, this.#writer);
    if (encoded.valueSizeBytes > this.#parts.limits.valueSizeBytesMax) return "too-large";
    const key = keyOf(id, name);
    const hash = this.#parts.records.put(writer, key, encoded.record, attribute?.hash ?? null);
    const owner = device ?? this.#open(id);
    const before = owner.client;
    if (attribute !== undefined) this.#remember(attribute, value, encoded.text, origin);
    this.#keep(owner, attribute ?? null, name, record, hash);
    this.presence.moved(owner, before, writer);
    return "changed";
  }

  /** Why there may be no attribute of this name that is not there yet; null when there may. */
  refusalOf(
    id: string,
    name: string,
    device: DeviceState | undefined,
  ): Exclude<UpdateOutcome, "changed"> | null {
    const { devicesMax, attributesPerDeviceMax } = this.#parts.limits;
    if (!this.isName(id) || !this.isName(name)) return "ignored";
    if (device === undefined && this.#devices.size >= devicesMax) return "too-many-devices";
    if ((device?.attributes.size ?? 0) >= attributesPerDeviceMax) return "too-many-attributes";
    return null;
  }

  shadowOf(id: string): Shadow | null {
    return this.#devices.get(id)?.shadow ?? null;
  }

  /** The caller has seen to the bounds. */
  setShadow(id: string, shadow: Omit<Shadow, "hash">, writer: StateWriter): void {
    const device = this.#devices.get(id) ?? this.#open(id);
    const { record } = encodeShadow(shadow);
    const key = recordPrefix.shadow + id;
    const hash = this.#parts.records.put(writer, key, record, device.shadow?.hash ?? null);
    device.shadow = { ...shadow, hash };
  }

  /** Everything that is known of it; false when nothing is. */
  delete(id: string, writer: StateWriter): boolean {
    const device = this.#devices.get(id);
    if (device === undefined) return false;
    if (device.shadow !== null) {
      this.#parts.records.delete(writer, recordPrefix.shadow + id, device.shadow.hash);
      this.#parts.versions.removed(device.shadow.version, writer);
      device.shadow = null;
    }
    for (const attribute of [...device.attributes.values()]) {
      this.#remove(device, attribute, writer);
    }
    if (this.#devices.has(id)) this.#close(device, writer);
    return true;
  }

  /** A client came or went. */
  seen(clientId: string, timeMs: number, writer: StateWriter): void {
    for (const { id } of this.presence.seen(clientId, timeMs, writer)) this.notify(id);
  }

  nextDueMs(): number {
    return this.#expiry.firstMs();
  }

  /** Attributes that were not written again in time, a bounded number; answers how many. */
  purgeExpired(timeMs: number, writer: StateWriter): number {
    const changedIds = new Set<string>();
    let count = 0;
    while (count < this.#parts.limits.expiredPerApplyMax && this.nextDueMs() <= timeMs) {
      const attribute = this.#expiry.first()!;
      const device = this.#devices.get(attribute.deviceId)!;
      this.#remove(device, attribute, writer);
      changedIds.add(device.id);
      count++;
    }
    for (const id of changedIds) this.notify(id);
    return count;
  }

  /** Tells everyone that a device changed; a handler that throws is counted and does not disturb the others. */
  notify(id: string): void {
    for (const handler of this.#handlers) {
      try {
        handler(id);
      } catch {
        this.#parts.handlerFailed();
      }
    }
  }

  /** `path` is the record's key without its prefix. False for a record that cannot be read. */
  restore(path: string, value: Uint8Array, hash: RecordHash): boolean {
    const end = path.indexOf(separator);
    const record = decodeAttribute(value);
    if (end <= 0 || record === null) return false;
    const [id, name] = [path.slice(0, end), path.slice(end + 1)];
    const device = this.#devices.get(id) ?? this.#open(id);
    const before = device.client;
    this.#keep(device, null, name, record, hash);
    this.presence.moved(device, before, null);
    return true;
  }

  restoreShadow(id: string, value: Uint8Array, hash: RecordHash): boolean {
    const shadow = decodeShadow(value);
    if (id === "" || shadow === null) return false;
    const device = this.#devices.get(id) ?? this.#open(id);
    device.shadow = { ...shadow, hash };
    return true;
  }

  /** After the last record: what is still there goes on with its history, and everyone hears of everything. */
  restored(): void {
    this.#parts.histories.clear();
    for (const device of this.#before?.values() ?? []) this.#carryOver(device);
    this.#before = null;
    if (this.#handlers.size === 0) return;
    for (const id of this.#devices.keys()) this.notify(id);
  }

  clear(): void {
    this.index = 0;
    this.replacedCount++;
    this.#before ??= this.#devices;
    this.#devices = new Map();
    this.#sortedIds.clear();
    this.#expiry.clear();
    this.presence.clear();
  }

  isName(text: string): boolean {
    const { nameLengthMax } = this.#parts.limits;
    return text !== "" && text.length <= nameLengthMax && !text.includes(separator);
  }

  #open(id: string): Device {
    const device = new Device(id, this.presence);
    this.#devices.set(id, device);
    this.#sortedIds.add(id);
    return device;
  }

  #close(device: Device, writer: StateWriter): void {
    this.#devices.delete(device.id);
    this.#sortedIds.delete(device.id);
    this.presence.removed(device, writer);
  }

  #keep(
    device: Device,
    known: Attribute | null,
    name: string,
    record: AttributeRecord,
    hash: RecordHash,
  ): void {
    const attribute = known ?? new Attribute(device.id, name, record, hash);
    if (known === null) device.attributes.set(name, attribute);
    else {
      this.#expiry.remove(attribute);
      attribute.set(record, hash);
    }
    if (attribute.expiresAtMs !== Infinity) this.#expiry.add(attribute);
    device.written(attribute);
  }

  #remove(device: Device, attribute: Attribute, writer: StateWriter): void {
    const before = device.client;
    this.#parts.records.delete(writer, keyOf(device.id, attribute.name), attribute.hash);
    this.#parts.versions.removed(attribute.version, writer);
    this.#expiry.remove(attribute);
    if (attribute.history !== null) this.#parts.histories.close(attribute.history);
    device.removed(attribute);
    this.presence.moved(device, before, writer);
    if (device.isEmpty) this.#close(device, writer);
  }

  /** `attribute` still has the value before. */
  #remember(attribute: Attribute, value: unknown, text: string, origin: AttributeOrigin): void {
    const { histories } = this.#parts;
    if (histories.bounds.valuesMax <= 1) return;
    if (attribute.history === null) {
      attribute.history = histories.open();
      const { value: first, version, timeMs } = attribute;
      histories.add(attribute.history, first, JSON.stringify(first), version, timeMs);
    }
    histories.add(attribute.history, value, text, origin.version, origin.timeMs);
  }

  /** What a snapshot skipped is missing in it. */
  #carryOver(before: Device): void {
    const { histories } = this.#parts;
    const device = this.#devices.get(before.id);
    for (const [name, { history }] of before.attributes) {
      const attribute = device?.attributes.get(name);
      if (history === null || attribute === undefined) continue;
      const { value, version, timeMs } = attribute;
      const kept = history
        .values(histories.bounds.valuesMax)
        .filter((old) => old.version < version);
      attribute.history = histories.open();
      for (const old of [...kept, { value, version, timeMs }]) {
        const { value: each } = old;
        histories.add(attribute.history, each, JSON.stringify(each), old.version, old.timeMs);
      }
    }
  }
}

function keyOf(id: string, name: string): string {
  return `${recordPrefix.attribute}${id}${separator}${name}`;
}
