import type { AttributeState, DeviceQueries, DeviceState } from "./ports.ts";

/** Where one device is, in the shape that robot-tracking systems read. Further fields of the device's own message stay. */
export interface Coordinates {
  readonly deviceId: string;
  readonly x: number;
  readonly y: number;
  /** As the device sent it; wall-clock milliseconds of the write when it sent none. */
  readonly timestamp: unknown;
  readonly [field: string]: unknown;
}

const pageSize = 1000;

/** Null for a device that never told where it is. Of two ways to tell it, the later one counts. */
export function coordinatesOf(device: DeviceState): Coordinates | null {
  const whole = fromObject(device, device.attributes.get("coordinates"));
  const parts = fromParts(device, device.attributes.get("coordX"), device.attributes.get("coordY"));
  if (whole === null || parts === null) {
    return (whole ?? parts)?.coordinates ?? null;
  }
  return (whole.version >= parts.version ? whole : parts).coordinates;
}

/** Whether {@link coordinatesOf} says something of it. */
export function hasPosition({ attributes }: DeviceState): boolean {
  const isWhole = positionOf(attributes.get("coordinates")) !== null;
  return isWhole || ["coordX", "coordY"].every((name) => isCoordinate(attributes.get(name)?.value));
}

interface Versioned {
  readonly version: number;
  readonly coordinates: Coordinates;
}

function fromObject(device: DeviceState, state: AttributeState | undefined): Versioned | null {
  const position = positionOf(state);
  if (state === undefined || position === null) return null;
  const { value, x, y, timestamp } = position;
  const known = { deviceId: device.id, x, y, timestamp: timestamp ?? state.timeMs };
  // Twice, so that they come first in the JSON and win over fields of the same name.
  return { version: state.version, coordinates: { ...known, ...value, ...known } };
}

interface Position {
  readonly value: object;
  readonly x: number;
  readonly y: number;
  readonly timestamp: unknown;
}

function positionOf(state: AttributeState | undefined): Position | null {
  const value = state?.value;
  if (typeof value !== "object" || value === null) return null;
  const { x, y, timestamp } = value as Record<string, unknown>;
  return isCoordinate(x) && isCoordinate(y) ? { value, x, y, timestamp } : null;
}

/** `coordX` and `coordY` are separate messages, so they may be of different age. */
function fromParts(
  device: DeviceState,
  stateX: AttributeState | undefined,
  stateY: AttributeState | undefined,
): Versioned | null {
  const x = stateX?.value;
  const y = stateY?.value;
  if (stateX === undefined || stateY === undefined || !isCoordinate(x) || !isCoordinate(y)) {
    return null;
  }
  const timestamp = Math.max(stateX.timeMs, stateY.timeMs);
  return {
    version: Math.max(stateX.version, stateY.version),
    coordinates: { deviceId: device.id, x, y, timestamp },
  };
}

function isCoordinate(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** One page of a walk over all devices; `next` is null after the last. */
export function coordinatesPage(
  devices: DeviceQueries,
  after: string,
): { readonly page: readonly Coordinates[]; readonly next: string | null } {
  const states = devices.list(after, pageSize);
  const page = states.map(coordinatesOf).filter((coordinates) => coordinates !== null);
  return { page, next: states.length < pageSize ? null : (states.at(-1)?.id ?? null) };
}

/** Devices of a single answer; beyond, `isTruncated` is true and `/api/v1/devices` has the rest, page by page. */
const answerDevicesMax = 100_000;

export function allCoordinates(devices: DeviceQueries): {
  readonly coordinates: readonly Coordinates[];
  readonly isTruncated: boolean;
} {
  const coordinates: Coordinates[] = [];
  let after: string | null = "";
  while (after !== null && coordinates.length < answerDevicesMax) {
    const { page, next } = coordinatesPage(devices, after);
    coordinates.push(...page);
    after = next;
  }
  return { coordinates, isTruncated: after !== null };
}
