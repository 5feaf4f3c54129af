import type { NodeId, StateWriter } from "#cluster";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { RecordHash } from "./digest.ts";
import type { ReplicaLimits } from "./limits.ts";
import { recordPrefix, type StateRecords } from "./records.ts";
import type { ClientOwner, Fence, Will } from "./replica-api.ts";
import { readWill, writeWill } from "./wills-view.ts";

/** A connection that the log knows of. */
export interface ClientEntry extends ClientOwner {
  readonly expirySeconds: number;
  readonly will: Will | null;
  readonly hash: RecordHash;
}

/** A connection that has ended. */
export interface EndedClient extends ClientEntry {
  readonly clientId: string;
}

interface NodeEntry {
  readonly incarnation: number;
  readonly hash: RecordHash;
}

/** An identifier whose owner changed. */
export interface OwnerChange {
  readonly clientId: string;
  /** Null: nobody. */
  readonly owner: ClientOwner | null;
  readonly previous: ClientOwner;
}

/**
 * Client identifier -> the node that owns it, fenced by an epoch. Epochs come from one counter for all identifiers, so
 * they never repeat, not even after a connection ended. Connections live with their node: when it starts anew, is removed or
 * counts as down, all that it claimed before have ended.
 */
export class ClientView {
  readonly #records: StateRecords;
  readonly #limits: ReplicaLimits;
  #clients = new Map<string, ClientEntry>();
  readonly #nodes = new Map<NodeId, NodeEntry>();
  #epoch = 0;
  #epochHash: RecordHash | null = null;
  /** Owners before `clear`, until `changesSinceClear` compared them with the restored ones. */
  #before: ReadonlyMap<string, ClientEntry> | null = null;

  constructor(records: StateRecords, limits: ReplicaLimits) {
    this.#records = records;
    this.#limits = limits;
  }

  get count(): number {
    return this.#clients.size;
  }

  ownerOf(clientId: string): ClientOwner | null {
    const entry = this.#clients.get(clientId);
    return entry === undefined ? null : ownerIn(entry);
  }

  /** May `nodeId` still write for this client? */
  isFenced(clientId: string, fence: Fence, nodeId: NodeId): boolean {
    if (fence === "none") return false;
    const owner = this.#clients.get(clientId);
    if (owner === undefined || owner.nodeId !== nodeId) return true;
    return fence !== "owner" && fence !== owner.epoch;
  }

  /** May change while it is walked. */
  entries(): Iterable<readonly [string, ClientEntry]> {
    return this.#clients.entries();
  }

  get(clientId: string): ClientEntry | null {
    return this.#clients.get(clientId) ?? null;
  }

  /** Null when there are too many identifiers. */
  claim(
    clientId: string,
    expirySeconds: number,
    will: Will | null,
    nodeId: NodeId,
    writer: StateWriter,
  ): { readonly epoch: number; readonly previous: ClientEntry | null } | null {
    const previous = this.#clients.get(clientId);
    if (previous === undefined && this.#clients.size >= this.#limits.clientsMax) {
      return null;
    }
    this.#epoch++;
    const epoch = this.#epoch;
    const counter = encodeNumber(epoch);
    this.#epochHash = this.#records.put(writer, recordPrefix.epoch, counter, this.#epochHash);
    const value = encodeClient({ nodeId, epoch, expirySeconds, will });
    const key = recordPrefix.client + clientId;
    const hash = this.#records.put(writer, key, value, previous?.hash ?? null);
    // As read from the record, so that the payload of a Will keeps nothing else alive.
    this.#clients.set(clientId, { ...decodeClient(value)!, hash });
    return { epoch, previous: previous ?? null };
  }

  /** Null unless the node owns the identifier with this very epoch. */
  release(
    clientId: string,
    epoch: number,
    nodeId: NodeId,
    writer: StateWriter,
  ): ClientEntry | null {
    const entry = this.#clients.get(clientId);
    if (entry === undefined || entry.epoch !== epoch || entry.nodeId !== nodeId) {
      return null;
    }
    this.#delete(clientId, entry, writer);
    return entry;
  }

  /** Whoever owns it. */
  remove(clientId: string, writer: StateWriter): ClientEntry | null {
    const entry = this.#clients.get(clientId);
    if (entry === undefined) return null;
    this.#delete(clientId, entry, writer);
    return entry;
  }

  /** 0 for a node that has never started. */
  incarnationOf(nodeId: NodeId): number {
    return this.#nodes.get(nodeId)?.incarnation ?? 0;
  }

  /** Harmless when it comes again. Whatever the node claimed up to now, an older incarnation of it did. */
  nodeStarted(nodeId: NodeId, incarnation: number, writer: StateWriter): readonly EndedClient[] {
    const known = this.#nodes.get(nodeId);
    if (known !== undefined && known.incarnation >= incarnation) {
      return [];
    }
    const key = recordPrefix.node + nodeId;
    const value = encodeNumber(incarnation);
    const hash = this.#records.put(writer, key, value, known?.hash ?? null);
    this.#nodes.set(nodeId, { incarnation, hash });
    return this.#releaseAll(nodeId, writer);
  }

  nodeRemoved(nodeId: NodeId, writer: StateWriter): readonly EndedClient[] {
    const known = this.#nodes.get(nodeId);
    if (known !== undefined) {
      this.#records.delete(writer, recordPrefix.node + nodeId, known.hash);
      this.#nodes.delete(nodeId);
    }
    return this.#releaseAll(nodeId, writer);
  }

  /** Nothing when the node has started anew since. */
  nodeDown(nodeId: NodeId, incarnation: number, writer: StateWriter): readonly EndedClient[] {
    return this.incarnationOf(nodeId) === incarnation ? this.#releaseAll(nodeId, writer) : [];
  }

  restoreClient(clientId: string, value: Uint8Array, hash: RecordHash): boolean {
    const fields = decodeClient(Buffer.copyBytesFrom(value));
    if (fields === null) {
      return false;
    }
    this.#clients.set(clientId, { ...fields, hash });
    return true;
  }

  restoreNode(nodeId: NodeId, value: Uint8Array, hash: RecordHash): boolean {
    const incarnation = decodeNumber(value);
    if (incarnation === null) {
      return false;
    }
    this.#nodes.set(nodeId, { incarnation, hash });
    return true;
  }

  restoreEpoch(value: Uint8Array, hash: RecordHash): boolean {
    const epoch = decodeNumber(value);
    if (epoch === null) {
      return false;
    }
    this.#epoch = epoch;
    this.#epochHash = hash;
    return true;
  }

  clear(): void {
    this.#before ??= this.#clients;
    this.#clients = new Map();
    this.#nodes.clear();
    this.#epoch = 0;
    this.#epochHash = null;
  }

  /**
   * What a snapshot skipped: claims that ended between the state before `clear` and the restored one. A node that was cut off
   * learns here which of its clients are connected elsewhere now, or nowhere.
   */
  changesSinceClear(): readonly OwnerChange[] {
    const changes: OwnerChange[] = [];
    for (const [clientId, previous] of this.#before ?? []) {
      const entry = this.#clients.get(clientId);
      if (entry?.epoch === previous.epoch) continue;
      const owner = entry === undefined ? null : ownerIn(entry);
      changes.push({ clientId, owner, previous: ownerIn(previous) });
    }
    this.#before = null;
    return changes;
  }

  /** In an order that is the same on every node. */
  #releaseAll(nodeId: NodeId, writer: StateWriter): readonly EndedClient[] {
    const ended: EndedClient[] = [];
    for (const [clientId, entry] of this.#clients) {
      if (entry.nodeId === nodeId) ended.push({ clientId, ...entry });
    }
    for (const entry of ended) this.#delete(entry.clientId, entry, writer);
    return ended.sort((a, b) => (a.clientId < b.clientId ? -1 : 1));
  }

  #delete(clientId: string, entry: ClientEntry, writer: StateWriter): void {
    this.#records.delete(writer, recordPrefix.client + clientId, entry.hash);
    this.#clients.delete(clientId);
  }
}

function ownerIn(entry: ClientOwner): ClientOwner {
  return { nodeId: entry.nodeId, epoch: entry.epoch };
}

function encodeClient(entry: Omit<ClientEntry, "hash">): Buffer {
  const writer = new ByteWriter(64);
  writer.string(entry.nodeId);
  writer.number(entry.epoch);
  writer.number(entry.expirySeconds);
  if (entry.will !== null) writeWill(writer, entry.will);
  return writer.finishExact();
}

/** A Will's payload shares memory with `value`. */
function decodeClient(value: Uint8Array): Omit<ClientEntry, "hash"> | null {
  const reader = new ByteReader(value);
  const nodeId = reader.string();
  const epoch = reader.number();
  const expirySeconds = reader.number();
  const will = reader.isAtEnd ? null : readWill(reader);
  return reader.isSound && reader.isAtEnd ? { nodeId, epoch, expirySeconds, will } : null;
}

function encodeNumber(value: number): Uint8Array {
  const writer = new ByteWriter(8);
  writer.number(value);
  return writer.finish();
}

function decodeNumber(value: Uint8Array): number | null {
  const reader = new ByteReader(value);
  const number = reader.number();
  return reader.isSound && reader.isAtEnd ? number : null;
}
