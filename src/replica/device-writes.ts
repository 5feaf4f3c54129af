import type { CommandContext, StateWriter } from "#cluster";
import type { AttributeOrigin, DeviceView, UpdateOutcome } from "./device-view.ts";
import type { ReplicaLimits } from "./limits.ts";
import type {
  AttributeUpdate,
  Command,
  DeletedResult,
  Fence,
  RetainedResult,
  ShadowDocument,
  ShadowResult,
  ShadowSection,
  StatesResult,
} from "./replica-api.ts";
import { mergePatch } from "./shadow-document.ts";
import { encodeShadow } from "./shadow-record.ts";
import { isJsonObject, isStateValue } from "./state-value.ts";
import type { Versions } from "./versions.ts";

type CommandOf<T extends Command["type"]> = Extract<Command, { type: T }>;

export interface DeviceWritesParts {
  readonly devices: DeviceView;
  readonly versions: Versions;
  readonly limits: ReplicaLimits;
  readonly isFenced: (clientId: string, fence: Fence, context: CommandContext) => boolean;
}

const noVersions: readonly number[] = [];
const fenced: RetainedResult = { version: 0, isFenced: true };

/** What the commands do to device state. */
export class DeviceWrites {
  readonly counts = {
    replica_writes_conflicting: 0,
    replica_updates_ignored: 0,
    replica_updates_refused_devices: 0,
    replica_updates_refused_attributes: 0,
    replica_updates_refused_size: 0,
    replica_devices_deleted: 0,
    replica_attributes_expired: 0,
    replica_shadow_updates: 0,
    replica_shadow_updates_refused: 0,
  };
  readonly #parts: DeviceWritesParts;

  constructor(parts: DeviceWritesParts) {
    this.#parts = parts;
  }

  state(command: CommandOf<"state">, context: CommandContext, writer: StateWriter): RetainedResult {
    const { source, updates, expectedVersion, isReplacing } = command;
    if (this.#parts.isFenced(source, command.fence ?? "none", context)) return fenced;
    const versions = this.versionsOf(updates);
    const conflict = this.conflict(expectedVersion, versions);
    if (conflict !== null) return conflict;
    const version = this.#parts.versions.next(versions);
    const written = isReplacing ? updates.map((update) => ({ ...update, isReplacing })) : updates;
    const isWhole = this.write(written, source, version, context, writer);
    // A publisher of sensor values is not told of limits; whoever sets one attribute by name is.
    return { version: isWhole || isReplacing === undefined ? version : 0 };
  }

  states(command: CommandOf<"states">, context: CommandContext, writer: StateWriter): StatesResult {
    const versions = command.groups.map(({ source, fence, updates }) => {
      if (this.#parts.isFenced(source, fence, context)) return 0;
      const version = this.#nextOf(updates);
      this.write(updates, source, version, context, writer);
      return version;
    });
    return { versions };
  }

  /** False when a limit kept one of the updates out. */
  write(
    updates: readonly AttributeUpdate[],
    source: string,
    version: number,
    context: CommandContext,
    writer: StateWriter,
  ): boolean {
    const { devices } = this.#parts;
    const origin: AttributeOrigin = {
      source,
      version,
      timeMs: context.timeMs,
      node: context.origin,
    };
    const changedIds = new Set<string>();
    let refused = 0;
    for (const update of updates) {
      const outcome = devices.update(update, origin, writer);
      if (outcome === "changed") changedIds.add(update.device);
      else refused += this.#count(outcome);
    }
    for (const id of changedIds) devices.notify(id);
    return refused === 0;
  }

  /** As `versions.next(versionsOf(updates))`, without a list of them. */
  #nextOf(updates: readonly AttributeUpdate[]): number {
    const { devices, versions } = this.#parts;
    let version = versions.next(noVersions);
    for (const { device, attribute } of updates) {
      version = Math.max(version, devices.versionOf(device, attribute) + 1);
    }
    return version;
  }

  versionsOf(updates: readonly AttributeUpdate[]): number[] {
    return updates.map(({ device, attribute }) => this.#parts.devices.versionOf(device, attribute));
  }

  /** Null unless one of the versions is not the expected one. */
  conflict(expected: number | undefined, versions: readonly number[]): RetainedResult | null {
    if (expected === undefined) return null;
    const currentVersion = versions.find((version) => version !== expected);
    if (currentVersion === undefined) return null;
    this.counts.replica_writes_conflicting++;
    return { version: 0, currentVersion };
  }

  /** All of it or nothing: whoever asked for it by name is told. */
  shadow(command: CommandOf<"shadow">, context: CommandContext, writer: StateWriter): ShadowResult {
    const { devices } = this.#parts;
    const { device: id, source, expectedVersion } = command;
    if (this.#parts.isFenced(source, command.fence ?? "none", context)) return fenced;
    const before = devices.shadowOf(id)?.version ?? 0;
    const conflict = this.conflict(expectedVersion, [before]);
    if (conflict !== null) return conflict;
    const previous = this.documentOf(id);
    const updates = this.#reportedUpdates(command, previous.reported);
    const version = this.#parts.versions.next([before, ...this.versionsOf(updates)]);
    const { timeMs } = context;
    const desired = desiredAfter(command, previous.desired);
    const timesMs = timesAfter(command, desired, previous.desiredTimesMs, timeMs);
    const shadow = { version, timeMs, source, desired, timesMs };
    const refusal = this.#refusalOf(id, updates, encodeShadow(shadow).desiredSizeBytes);
    if (refusal !== null) {
      this.counts.replica_shadow_updates_refused++;
      return { version: 0, refusal };
    }
    this.counts.replica_shadow_updates++;
    devices.setShadow(id, shadow, writer);
    this.write(updates, source, version, context, writer);
    // Where no attribute changed, the write told nobody.
    if (updates.length === 0) devices.notify(id);
    return { version, previous, current: this.documentOf(id), timeMs };
  }

  deleteDevice(
    command: CommandOf<"delete-device">,
    context: CommandContext,
    writer: StateWriter,
  ): DeletedResult {
    const { devices, isFenced } = this.#parts;
    const { device: id, source, fence = "none" } = command;
    const { timeMs } = context;
    if (isFenced(source, fence, context)) {
      return { isDeleted: false, isFenced: true, version: 0, timeMs };
    }
    const version = devices.shadowOf(id)?.version ?? 0;
    const isDeleted = devices.delete(id, writer);
    if (isDeleted) {
      this.counts.replica_devices_deleted++;
      devices.notify(id);
    }
    return { isDeleted, version, timeMs };
  }

  purgeExpired(timeMs: number, writer: StateWriter): void {
    this.counts.replica_attributes_expired += this.#parts.devices.purgeExpired(timeMs, writer);
  }

  documentOf(id: string): ShadowDocument {
    return shadowDocumentOf(this.#parts.devices, id);
  }

  /** An attribute each; what is not mentioned stays. */
  #reportedUpdates(
    { device, reported }: CommandOf<"shadow">,
    before: ShadowSection,
  ): readonly AttributeUpdate[] {
    if (reported === undefined) return [];
    if (reported === null) {
      return Object.keys(before).map((attribute) => ({ device, attribute, value: undefined }));
    }
    return Object.entries(reported)
      .filter(([attribute, value]) => value !== null || Object.hasOwn(before, attribute))
      .map(([attribute, value]) => {
        const held = Object.hasOwn(before, attribute) ? before[attribute] : undefined;
        const after = value === null ? undefined : mergePatch(held, value);
        return { device, attribute, value: after, isReplacing: true };
      });
  }

  #refusalOf(
    id: string,
    updates: readonly AttributeUpdate[],
    desiredSizeBytes: number,
  ): NonNullable<ShadowResult["refusal"]> | null {
    const { devices, limits } = this.#parts;
    const device = devices.get(id) ?? undefined;
    const set = updates.filter(({ value }) => value !== undefined);
    if (!devices.isName(id) || !set.every(({ attribute }) => devices.isName(attribute))) {
      return "name";
    }
    if (device === undefined && devices.count() >= limits.devicesMax) return "too-many-devices";
    const added = set.filter(({ attribute }) => device?.attributes.has(attribute) !== true);
    if ((device?.attributes.size ?? 0) + added.length > limits.attributesPerDeviceMax) {
      return "too-many-attributes";
    }
    const sizes = set.map(({ value }) => Buffer.byteLength(JSON.stringify(value)));
    const isTooLarge = [desiredSizeBytes, ...sizes].some((size) => size > limits.valueSizeBytesMax);
    // Each part was no deeper than a value may be; merged they are not either, but the bound is the state's and is looked at here.
    return isTooLarge || !set.every(({ value }) => isStateValue(value)) ? "too-large" : null;
  }

  /** Answers 1 for an update that a limit kept out. */
  #count(outcome: Exclude<UpdateOutcome, "changed">): number {
    switch (outcome) {
      case "ignored":
        this.counts.replica_updates_ignored++;
        return 0;
      case "too-many-devices":
        this.counts.replica_updates_refused_devices++;
        return 1;
      case "too-many-attributes":
        this.counts.replica_updates_refused_attributes++;
        return 1;
      case "too-large":
        this.counts.replica_updates_refused_size++;
        return 1;
    }
  }
}

/** Empty for a device that there is not. */
export function shadowDocumentOf(devices: DeviceView, id: string): ShadowDocument {
  const shadow = devices.shadowOf(id);
  const attributes = [...(devices.get(id)?.attributes ?? [])];
  return {
    version: shadow?.version ?? 0,
    desired: shadow?.desired ?? {},
    reported: Object.fromEntries(attributes.map(([name, { value }]) => [name, value])),
    desiredTimesMs: shadow?.timesMs ?? {},
    reportedTimesMs: Object.fromEntries(attributes.map(([name, { timeMs }]) => [name, timeMs])),
  };
}

function desiredAfter({ desired }: CommandOf<"shadow">, before: ShadowSection): ShadowSection {
  if (desired === undefined) return before;
  const after = desired === null ? {} : mergePatch(before, desired);
  return isJsonObject(after) ? after : {};
}

function timesAfter(
  { desired }: CommandOf<"shadow">,
  after: ShadowSection,
  before: Readonly<Record<string, number>>,
  timeMs: number,
): Readonly<Record<string, number>> {
  const isTouched = (name: string): boolean =>
    desired !== undefined && desired !== null && Object.hasOwn(desired, name);
  return Object.fromEntries(
    Object.keys(after).map((name) => {
      const known = Object.hasOwn(before, name) ? before[name] : undefined;
      return [name, isTouched(name) ? timeMs : (known ?? timeMs)];
    }),
  );
}
