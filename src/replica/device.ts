import type { AttributeState, DeviceState } from "../api/ports.ts";
import type { AttributeRecord } from "./attribute-codec.ts";
import type { AttributeHistory } from "./device-history.ts";
import type { RecordHash } from "./digest.ts";
import type { Expiring } from "./expiry-queue.ts";
import type { Shadow } from "./shadow-record.ts";

/** The latest value of one attribute, and where the ones before it are kept. Written anew in place, ten times a second. */
export class Attribute implements AttributeState, Expiring {
  readonly name: string;
  readonly deviceId: string;
  value: unknown;
  version = 0;
  timeMs = 0;
  source = "";
  node = "";
  /** Log time; Infinity = it stays. */
  expiresAtMs = Infinity;
  queueIndex = -1;
  hash: RecordHash;
  /** Null until there is a second value. */
  history: AttributeHistory | null = null;

  constructor(deviceId: string, name: string, record: AttributeRecord, hash: RecordHash) {
    this.deviceId = deviceId;
    this.name = name;
    this.hash = hash;
    this.set(record, hash);
  }

  get expiryKey(): string {
    return `${this.deviceId}\0${this.name}`;
  }

  set(record: AttributeRecord, hash: RecordHash): void {
    this.value = record.value;
    this.version = record.version;
    this.timeMs = record.timeMs;
    this.source = record.source;
    this.node = record.node;
    this.expiresAtMs = record.expiresAtMs;
    this.hash = hash;
  }
}

/** Who is connected, and was when; see device-presence.ts. */
export interface PresenceOf {
  isOnline(device: Device): boolean;
  lastSeenMs(device: Device): number;
}

export class Device implements DeviceState {
  readonly id: string;
  readonly attributes = new Map<string, Attribute>();
  shadow: Shadow | null = null;
  readonly #presence: PresenceOf;
  #writer: Attribute | null = null;

  constructor(id: string, presence: PresenceOf) {
    this.id = id;
    this.#presence = presence;
  }

  get version(): number {
    return this.#latest(({ version }) => version, this.shadow?.version ?? 0);
  }

  get updatedAtMs(): number {
    return this.#latest(
      ({ timeMs }) => timeMs,
      this.attributes.size === 0 ? (this.shadow?.timeMs ?? 0) : 0,
    );
  }

  /** The client that published its state last; empty when none did. */
  get client(): string {
    return this.#writer?.source ?? "";
  }

  get online(): boolean {
    return this.#presence.isOnline(this);
  }

  get lastSeenMs(): number {
    return this.#presence.lastSeenMs(this);
  }

  get isEmpty(): boolean {
    return this.attributes.size === 0 && this.shadow === null;
  }

  /** After each write of an attribute; what the HTTP API wrote is nobody's. */
  written(attribute: Attribute): void {
    // One that the API wrote may have been the client's last until now.
    if (attribute === this.#writer && attribute.source === "") this.#findWriter();
    else if (attribute.source !== "" && isLater(attribute, this.#writer)) this.#writer = attribute;
  }

  removed(attribute: Attribute): void {
    this.attributes.delete(attribute.name);
    if (attribute === this.#writer) this.#findWriter();
  }

  #findWriter(): void {
    this.#writer = null;
    for (const attribute of this.attributes.values()) {
      if (attribute.source !== "" && isLater(attribute, this.#writer)) this.#writer = attribute;
    }
  }

  #latest(figure: (attribute: AttributeState) => number, atLeast: number): number {
    let latest = atLeast;
    for (const attribute of this.attributes.values()) {
      latest = Math.max(latest, figure(attribute));
    }
    return latest;
  }
}

/** Names decide between equal versions, so that a replica that was restored in another order agrees. */
function isLater(one: Attribute, other: Attribute | null): boolean {
  if (other === null || one.version > other.version) return true;
  return one.version === other.version && one.name >= other.name;
}
