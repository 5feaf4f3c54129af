import type { CommandContext, NodeId, RecordsDigest, StateMachine, StateWriter } from "#cluster";
import type { ApplicationMessage } from "../mqtt/message.ts";
import { ClientView, type OwnerChange } from "./client-view.ts";
import { decodeCommand } from "./commands.ts";
import { type AttributeOrigin, DeviceView } from "./device-view.ts";
import { type ReplicaLimits, replicaLimits } from "./limits.ts";
import { recordPrefix, StateRecords } from "./records.ts";
import type {
  AttributeUpdate,
  ClaimResult,
  ClientOwner,
  Command,
  Fence,
  ReplicaQueries,
  RetainedResult,
} from "./replica-api.ts";
import { RetainedView } from "./retained-view.ts";

export type OwnerChangedHandler = (
  clientId: string,
  owner: ClientOwner,
  previous: ClientOwner,
  isCleanStart: boolean,
) => void;

/** What a command that was understood answers its proposer; null for one that was not. */
export type CommandResult = ClaimResult | RetainedResult | { readonly isReleased: boolean } | null;

const fenced: RetainedResult = { version: 0, isFenced: true };

/**
 * The state that the log agrees on: retained messages, device state, and who owns which client identifier. Results by command:
 * "retain" and "state" a {@link RetainedResult}, whose version is 0 when a limit kept the message out; "claim" a
 * {@link ClaimResult}, whose epoch is 0 when there are too many identifiers; "release" whether it released.
 */
export class Replica implements StateMachine, ReplicaQueries {
  readonly #records = new StateRecords();
  readonly #retained: RetainedView;
  readonly #devices: DeviceView;
  readonly #clients: ClientView;
  readonly #ownerHandlers: OwnerChangedHandler[] = [];
  readonly #counts = {
    replica_commands_applied: 0,
    replica_commands_unreadable: 0,
    replica_records_unreadable: 0,
    replica_retained_refused: 0,
    replica_retained_expired: 0,
    replica_claims_refused: 0,
    replica_writes_fenced: 0,
    replica_writes_conflicting: 0,
    replica_releases_stale: 0,
    replica_updates_ignored: 0,
    replica_updates_refused_devices: 0,
    replica_updates_refused_attributes: 0,
    replica_updates_refused_size: 0,
    replica_handler_errors: 0,
  };

  /** Other limits than the built-in ones are for tests: they must be equal on all nodes. */
  constructor(limits: ReplicaLimits = replicaLimits) {
    this.#retained = new RetainedView(this.#records, limits);
    this.#devices = new DeviceView(this.#records, limits, () => {
      this.#counts.replica_handler_errors++;
    });
    this.#clients = new ClientView(this.#records, limits);
  }

  get retainedCount(): number {
    return this.#retained.count;
  }

  get retainedSizeBytes(): number {
    return this.#retained.sizeBytes;
  }

  get devices(): DeviceView {
    return this.#devices;
  }

  get ownedClients(): number {
    return this.#clients.count;
  }

  /** Counters since the start of the process, and the number of records. */
  metrics(): ReadonlyMap<string, number> {
    return new Map([...Object.entries(this.#counts), ["replica_records", this.#records.count]]);
  }

  matchRetained(filter: string, nowMs: number, visit: (message: ApplicationMessage) => void): void {
    this.#retained.match(filter, nowMs, visit);
  }

  getRetained(topic: string): ApplicationMessage | null {
    return this.#retained.get(topic);
  }

  ownerOf(clientId: string): ClientOwner | null {
    return this.#clients.ownerOf(clientId);
  }

  onOwnerChanged(handler: OwnerChangedHandler): void {
    this.#ownerHandlers.push(handler);
  }

  apply(bytes: Uint8Array, context: CommandContext, writer: StateWriter): CommandResult {
    const command = decodeCommand(bytes);
    if (command === null) {
      this.#counts.replica_commands_unreadable++;
      return null;
    }
    this.#counts.replica_commands_applied++;
    const result = this.#applyCommand(command, context, writer);
    this.#counts.replica_retained_expired += this.#retained.purgeExpired(context.timeMs, writer);
    return result;
  }

  nodeStarted(
    nodeId: NodeId,
    incarnation: number,
    _context: CommandContext,
    writer: StateWriter,
  ): void {
    this.#clients.nodeStarted(nodeId, incarnation, writer);
  }

  nodeRemoved(nodeId: NodeId, _context: CommandContext, writer: StateWriter): void {
    this.#clients.nodeRemoved(nodeId, writer);
  }

  reset(): void {
    this.#records.clear();
    this.#retained.clear();
    this.#devices.clear();
    this.#clients.clear();
  }

  /** A record that cannot be read stays in the digest, which so tells that the replicas differ, and is counted. */
  restore(key: string, value: Uint8Array): void {
    const hash = this.#records.restore(key, value);
    const rest = key.slice(2);
    let isRestored = false;
    switch (key === recordPrefix.epoch ? key : key.slice(0, 2)) {
      case recordPrefix.retained:
        isRestored = this.#retained.restore(rest, value, hash);
        break;
      case recordPrefix.attribute:
        isRestored = this.#devices.restore(rest, value, hash);
        break;
      case recordPrefix.client:
        isRestored = this.#clients.restoreClient(rest, value, hash);
        break;
      case recordPrefix.node:
        isRestored = this.#clients.restoreNode(rest, value, hash);
        break;
      case recordPrefix.epoch:
        isRestored = this.#clients.restoreEpoch(value, hash);
        break;
    }
    if (!isRestored) {
      this.#counts.replica_records_unreadable++;
    }
  }

  /** Tells the listeners what changed behind their back; on a start nobody listens and nothing was there before. */
  restored(): void {
    for (const change of this.#clients.changesSinceClear()) {
      this.#notifyOwner(change);
    }
    this.#devices.notifyAll();
  }

  digest(): string {
    return this.#records.digest();
  }

  recordsDigest(): RecordsDigest {
    const records = new StateRecords();
    return {
      add: (key, value) => records.restore(key, value),
      digest: () => records.digest(),
    };
  }

  #applyCommand(command: Command, context: CommandContext, writer: StateWriter): CommandResult {
    switch (command.type) {
      case "retain": {
        const { fence = "none", message } = command;
        if (this.#isFenced(message.publisherId, fence, context)) return fenced;
        const current = this.#retained.versionOf(message.topic, context.timeMs);
        const conflict = this.#conflict(command.expectedVersion, [current]);
        if (conflict !== null) return conflict;
        const version = nextVersion(context.index, [current, ...this.#versionsOf(command.updates)]);
        const isKept = this.#retained.put(message, version, writer);
        this.#update(
          command.updates,
          message.publisherId,
          { timeMs: context.timeMs, version },
          writer,
        );
        if (!isKept) {
          this.#counts.replica_retained_refused++;
        }
        return { version: isKept ? version : 0 };
      }
      case "state":
        return this.#state(command, context, writer);
      case "claim":
        return this.#claim(command, context, writer);
      case "release": {
        const { clientId, epoch } = command;
        const isReleased = this.#clients.release(clientId, epoch, context.origin, writer);
        this.#counts.replica_releases_stale += isReleased ? 0 : 1;
        return { isReleased };
      }
    }
  }

  #state(
    command: Extract<Command, { type: "state" }>,
    context: CommandContext,
    writer: StateWriter,
  ): RetainedResult {
    const { source, updates, expectedVersion, isReplacing } = command;
    if (this.#isFenced(source, command.fence ?? "none", context)) return fenced;
    const versions = this.#versionsOf(updates);
    const conflict = this.#conflict(expectedVersion, versions);
    if (conflict !== null) return conflict;
    const version = nextVersion(context.index, versions);
    const isWhole = this.#update(
      updates,
      source,
      { timeMs: context.timeMs, version },
      writer,
      isReplacing,
    );
    // A publisher of sensor values is not told of limits; whoever sets one attribute by name is.
    return { version: isWhole || isReplacing === undefined ? version : 0 };
  }

  #versionsOf(updates: readonly AttributeUpdate[]): number[] {
    return updates.map(({ device, attribute }) => this.#devices.versionOf(device, attribute));
  }

  /** Null unless one of the versions is not the expected one. */
  #conflict(expected: number | undefined, versions: readonly number[]): RetainedResult | null {
    if (expected === undefined) return null;
    const currentVersion = versions.find((version) => version !== expected);
    if (currentVersion === undefined) return null;
    this.#counts.replica_writes_conflicting++;
    return { version: 0, currentVersion };
  }

  #isFenced(clientId: string, fence: Fence, { origin }: CommandContext): boolean {
    const isFenced = this.#clients.isFenced(clientId, fence, origin);
    this.#counts.replica_writes_fenced += isFenced ? 1 : 0;
    return isFenced;
  }

  /** False when a limit kept one of the updates out. */
  #update(
    updates: readonly AttributeUpdate[],
    source: string,
    origin: Omit<AttributeOrigin, "source">,
    writer: StateWriter,
    isReplacing = false,
  ): boolean {
    const changedIds = new Set<string>();
    let refused = 0;
    for (const update of updates) {
      const outcome = this.#devices.update(update, { ...origin, source }, writer, isReplacing);
      refused += outcome === "changed" || outcome === "ignored" ? 0 : 1;
      switch (outcome) {
        case "changed":
          changedIds.add(update.device);
          break;
        case "ignored":
          this.#counts.replica_updates_ignored++;
          break;
        case "too-many-devices":
          this.#counts.replica_updates_refused_devices++;
          break;
        case "too-many-attributes":
          this.#counts.replica_updates_refused_attributes++;
          break;
        case "too-large":
          this.#counts.replica_updates_refused_size++;
          break;
      }
    }
    for (const id of changedIds) {
      this.#devices.notify(id);
    }
    return refused === 0;
  }

  #claim(
    { clientId, cleanStart: isCleanStart, expirySeconds }: Extract<Command, { type: "claim" }>,
    context: CommandContext,
    writer: StateWriter,
  ): ClaimResult {
    const nodeId = context.origin;
    const result = this.#clients.claim(clientId, expirySeconds, nodeId, writer);
    if (result === null) {
      this.#counts.replica_claims_refused++;
      return { epoch: 0, previous: null };
    }
    const { epoch, previous } = result;
    if (previous !== null) {
      this.#notifyOwner({ clientId, owner: { nodeId, epoch }, previous, isCleanStart });
    }
    return result;
  }

  /** A listener that throws must not stop `apply`, which would end the process: it is counted. */
  #notifyOwner(change: OwnerChange): void {
    for (const handler of this.#ownerHandlers) {
      try {
        handler(change.clientId, change.owner, change.previous, change.isCleanStart);
      } catch {
        this.#counts.replica_handler_errors++;
      }
    }
  }
}

/**
 * The log index, unless the same entry wrote one of the keys before: an entry carries many commands, and each value needs a version
 * of its own, or a compare-and-set could take one for the other.
 */
function nextVersion(index: number, versions: readonly number[]): number {
  return versions.reduce((next, version) => Math.max(next, version + 1), index);
}
