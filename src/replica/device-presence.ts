import type { StateWriter } from "#cluster";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { Device, PresenceOf } from "./device.ts";
import type { RecordHash } from "./digest.ts";
import { recordPrefix, type StateRecords } from "./records.ts";

interface Seen {
  readonly timeMs: number;
  readonly hash: RecordHash;
}

export interface PresenceParts {
  readonly records: StateRecords;
  readonly isConnected: (clientId: string) => boolean;
  readonly deviceOf: (id: string) => Device | null;
}

/**
 * Whether a device is there: its client is the one that published its state last, or the one of its name, and it is online while one
 * of them is connected anywhere in the cluster. When such a client came or went is kept, one record for each client.
 */
export class DevicePresence implements PresenceOf {
  readonly #parts: PresenceParts;
  /** By the client that published last: its device, or devices. */
  readonly #devices = new Map<string, Device | Set<Device>>();
  readonly #seen = new Map<string, Seen>();

  constructor(parts: PresenceParts) {
    this.#parts = parts;
  }

  isOnline({ id, client }: Device): boolean {
    const { isConnected } = this.#parts;
    return isConnected(id) || (client !== "" && client !== id && isConnected(client));
  }

  lastSeenMs(device: Device): number {
    const own = this.#seen.get(device.id)?.timeMs ?? 0;
    const client = this.#seen.get(device.client)?.timeMs ?? 0;
    return Math.max(device.updatedAtMs, own, client);
  }

  /** The client that published last is another one now. No writer: the state is being restored, and its records are as they are. */
  moved(device: Device, before: string, writer: StateWriter | null): void {
    const after = device.client;
    if (before === after) return;
    this.#leave(device, before);
    if (after !== "") this.#join(device, after);
    if (writer !== null) this.#forgetIfNobodys(before, writer);
  }

  /** With its last attribute. */
  removed(device: Device, writer: StateWriter): void {
    const { id, client } = device;
    this.#leave(device, client);
    this.#forgetIfNobodys(client, writer);
    this.#forgetIfNobodys(id, writer);
  }

  /** A client came or went; answers its devices. */
  seen(clientId: string, timeMs: number, writer: StateWriter): readonly Device[] {
    const devices = this.#devicesOf(clientId);
    if (devices.length === 0) return devices;
    const key = recordPrefix.seen + clientId;
    const value = encodeTime(timeMs);
    const previous = this.#seen.get(clientId)?.hash ?? null;
    this.#seen.set(clientId, {
      timeMs,
      hash: this.#parts.records.put(writer, key, value, previous),
    });
    return devices;
  }

  restore(clientId: string, value: Uint8Array, hash: RecordHash): boolean {
    const reader = new ByteReader(value);
    const timeMs = reader.number();
    if (!reader.isSound || !reader.isAtEnd) return false;
    this.#seen.set(clientId, { timeMs, hash });
    return true;
  }

  clear(): void {
    this.#devices.clear();
    this.#seen.clear();
  }

  #devicesOf(clientId: string): readonly Device[] {
    if (clientId === "") return [];
    const found = this.#devices.get(clientId);
    const own = this.#parts.deviceOf(clientId);
    const published = found === undefined ? [] : found instanceof Set ? [...found] : [found];
    return own === null || own.client === clientId ? published : [own, ...published];
  }

  #forgetIfNobodys(clientId: string, writer: StateWriter): void {
    const seen = this.#seen.get(clientId);
    if (seen === undefined || this.#devices.has(clientId)) return;
    if (this.#parts.deviceOf(clientId) !== null) return;
    this.#parts.records.delete(writer, recordPrefix.seen + clientId, seen.hash);
    this.#seen.delete(clientId);
  }

  #join(device: Device, clientId: string): void {
    const found = this.#devices.get(clientId);
    if (found === undefined) this.#devices.set(clientId, device);
    else if (found instanceof Set) found.add(device);
    else this.#devices.set(clientId, new Set([found, device]));
  }

  #leave(device: Device, clientId: string): void {
    const found = this.#devices.get(clientId);
    if (found === device) this.#devices.delete(clientId);
    else if (found instanceof Set) {
      found.delete(device);
      if (found.size === 0) this.#devices.delete(clientId);
    }
  }
}

function encodeTime(timeMs: number): Uint8Array {
  const writer = new ByteWriter(8);
  writer.number(timeMs);
  return writer.finish();
}
