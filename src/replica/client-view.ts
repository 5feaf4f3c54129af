import type { NodeId, StateWriter } from "#cluster";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { RecordHash } from "./digest.ts";
import type { ReplicaLimits } from "./limits.ts";
import { recordPrefix, type StateRecords } from "./records.ts";
import type { ClaimResult, ClientOwner, Fence } from "./replica-api.ts";

interface ClientEntry extends ClientOwner {
  readonly expirySeconds: number;
  readonly hash: RecordHash;
}

interface NodeEntry {
  readonly incarnation: number;
  readonly hash: RecordHash;
}

/** An identifier whose owner changed. */
export interface OwnerChange {
  readonly clientId: string;
  readonly owner: ClientOwner;
  readonly previous: ClientOwner;
  /** The new owner's client wants nothing of its session; false also where a snapshot hides what it wanted. */
  readonly isCleanStart: boolean;
}

/**
 * Client identifier -> the node that owns it, fenced by an epoch. Epochs come from one counter for all identifiers, so
 * they never repeat, not even after a release. Sessions live in the memory of their node: when a node
 * starts anew or is removed, what it claimed before is free.
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

  /** Null when there are too many identifiers. */
  claim(
    clientId: string,
    expirySeconds: number,
    nodeId: NodeId,
    writer: StateWriter,
  ): ClaimResult | null {
    const previous = this.#clients.get(clientId);
    if (previous === undefined && this.#clients.size >= this.#limits.clientsMax) {
      return null;
    }
    this.#epoch++;
    const epoch = this.#epoch;
    const counter = encodeNumber(epoch);
    this.#epochHash = this.#records.put(writer, recordPrefix.epoch, counter, this.#epochHash);
    const value = encodeClient({ nodeId, epoch, expirySeconds });
    const key = recordPrefix.client + clientId;
    const hash = this.#records.put(writer, key, value, previous?.hash ?? null);
    this.#clients.set(clientId, { nodeId, epoch, expirySeconds, hash });
    return { epoch, previous: previous === undefined ? null : ownerIn(previous) };
  }

  /** False unless the node owns the identifier with this very epoch. */
  release(clientId: string, epoch: number, nodeId: NodeId, writer: StateWriter): boolean {
    const entry = this.#clients.get(clientId);
    if (entry === undefined || entry.epoch !== epoch || entry.nodeId !== nodeId) {
      return false;
    }
    this.#delete(clientId, entry, writer);
    return true;
  }

  /** Harmless when it comes again. Whatever the node claimed up to now, an older incarnation of it did. */
  nodeStarted(nodeId: NodeId, incarnation: number, writer: StateWriter): void {
    const known = this.#nodes.get(nodeId);
    if (known !== undefined && known.incarnation >= incarnation) {
      return;
    }
    const key = recordPrefix.node + nodeId;
    const value = encodeNumber(incarnation);
    const hash = this.#records.put(writer, key, value, known?.hash ?? null);
    this.#nodes.set(nodeId, { incarnation, hash });
    this.#releaseAll(nodeId, writer);
  }

  nodeRemoved(nodeId: NodeId, writer: StateWriter): void {
    const known = this.#nodes.get(nodeId);
    if (known !== undefined) {
      this.#records.delete(writer, recordPrefix.node + nodeId, known.hash);
      this.#nodes.delete(nodeId);
    }
    this.#releaseAll(nodeId, writer);
  }

  restoreClient(clientId: string, value: Uint8Array, hash: RecordHash): boolean {
    const fields = decodeClient(value);
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
   * What a snapshot skipped: identifiers that another claim took between the state before `clear` and the restored one.
   * A node that was cut off learns here which of its clients are connected elsewhere now.
   */
  changesSinceClear(): readonly OwnerChange[] {
    const changes: OwnerChange[] = [];
    for (const [clientId, previous] of this.#before ?? []) {
      const entry = this.#clients.get(clientId);
      if (entry !== undefined && entry.epoch !== previous.epoch) {
        const [owner, before] = [ownerIn(entry), ownerIn(previous)];
        changes.push({ clientId, owner, previous: before, isCleanStart: false });
      }
    }
    this.#before = null;
    return changes;
  }

  #releaseAll(nodeId: NodeId, writer: StateWriter): void {
    for (const [clientId, entry] of this.#clients) {
      if (entry.nodeId === nodeId) {
        this.#delete(clientId, entry, writer);
      }
    }
  }

  #delete(clientId: string, entry: ClientEntry, writer: StateWriter): void {
    this.#records.delete(writer, recordPrefix.client + clientId, entry.hash);
    this.#clients.delete(clientId);
  }
}

function ownerIn(entry: ClientOwner): ClientOwner {
  return { nodeId: entry.nodeId, epoch: entry.epoch };
}

function encodeClient(entry: Omit<ClientEntry, "hash">): Uint8Array {
  const writer = new ByteWriter(64);
  writer.string(entry.nodeId);
  writer.number(entry.epoch);
  writer.number(entry.expirySeconds);
  return writer.finish();
}

function decodeClient(value: Uint8Array): Omit<ClientEntry, "hash"> | null {
  const reader = new ByteReader(value);
  const nodeId = reader.string();
  const epoch = reader.number();
  const expirySeconds = reader.number();
  return reader.isSound && reader.isAtEnd ? { nodeId, epoch, expirySeconds } : null;
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
