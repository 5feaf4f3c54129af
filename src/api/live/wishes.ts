import { parseWhere } from "../../query/where.ts";
import { WhereError } from "../../query/where-error.ts";
import { ApiError } from "../problem.ts";
import type { LiveLimits } from "./limits.ts";

/** "all", the identifiers of those wanted, or an expression that is true for them. */
export type WantedDevices = "all" | readonly string[] | { readonly where: string };

/** What one viewer wants to hear of. */
export interface Wishes {
  /** Null = none. */
  readonly devices: WantedDevices | null;
  /** Topic filters, sorted. */
  readonly messages: readonly string[];
  readonly cluster: boolean;
  readonly stats: boolean;
  readonly intervalMs: number;
  /** Where an earlier connection was. */
  readonly resume: string | null;
}

export const defaultIntervalMs = 100;

/** As a server-sent events request or a WebSocket URL gives them: text by name. */
export type QueryText = ReadonlyMap<string, readonly string[]>;

function refuse(detail: string): never {
  throw new ApiError(400, "request-invalid", detail);
}

/** Of a WebSocket message. Throws ApiError that names the field. */
export function parseWishes(text: string, limits: LiveLimits): Wishes {
  const body = fieldsOf(parseJson(text), "the message", ["subscribe", "intervalMs", "resume"]);
  const wanted = fieldsOf(body["subscribe"], "subscribe", [
    "devices",
    "messages",
    "cluster",
    "stats",
  ]);
  return {
    devices: devicesOf(wanted["devices"] ?? null, limits),
    messages: filtersOf(wanted["messages"] ?? [], limits),
    cluster: flagOf(wanted["cluster"], "subscribe.cluster"),
    stats: flagOf(wanted["stats"], "subscribe.stats"),
    intervalMs: intervalOf(body["intervalMs"] ?? defaultIntervalMs, "intervalMs", limits),
    resume: resumeOf(body["resume"] ?? null),
  };
}

/** Of a query string. Throws ApiError that names the parameter. */
export function wishesFromQuery(query: QueryText, limits: LiveLimits): Wishes {
  checkNames([...query.keys()], "the query", [
    "devices",
    "where",
    "messages",
    "cluster",
    "stats",
    "interval",
    "resume",
  ]);
  return {
    devices: devicesFromQuery(query, limits),
    messages: filtersOf(query.get("messages") ?? [], limits),
    cluster: flagOf(booleanText(one(query, "cluster")), "cluster"),
    stats: flagOf(booleanText(one(query, "stats")), "stats"),
    intervalMs: intervalFromQuery(query, defaultIntervalMs, limits),
    resume: resumeOf(one(query, "resume") ?? null),
  };
}

function devicesFromQuery(query: QueryText, limits: LiveLimits): Wishes["devices"] {
  const where = one(query, "where");
  const devices = query.get("devices")?.join(",") ?? (where === undefined ? "false" : "true");
  if (where === undefined) {
    return devices === "true" ? "all" : devices === "false" ? null : idsOf(devices, limits);
  }
  if (devices !== "true") refuse("where is about all devices: leave out devices, or give true");
  return { where: checkWhere(where, "where") };
}

export interface CoordinateWishes {
  readonly devices: "all" | readonly string[];
  readonly intervalMs: number;
  /** Devices that have no position any more are told, too. */
  readonly areGoneTold: boolean;
}

/** Of `/coordinates`: an address that others chose, so that what they append to it is ignored. */
export function coordinateWishes(query: QueryText, limits: LiveLimits): CoordinateWishes {
  const devices = query.get("devices")?.join(",") ?? "";
  return {
    devices: devices === "" ? "all" : idsOf(devices, limits),
    intervalMs: intervalFromQuery(query, 1000, limits),
    areGoneTold: one(query, "gone") === "true",
  };
}

function intervalFromQuery(query: QueryText, otherwise: number, limits: LiveLimits): number {
  const text = one(query, "interval");
  if (text === undefined) return otherwise;
  return intervalOf(/^\d{1,9}$/.test(text) ? Number(text) : text, "interval", limits);
}

/** The last one counts, as nothing says which was meant. */
function one(query: QueryText, name: string): string | undefined {
  return query.get(name)?.at(-1);
}

function booleanText(text: string | undefined): unknown {
  return text === "true" ? true : text === "false" ? false : text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    refuse("the message is not JSON");
  }
}

function fieldsOf(
  value: unknown,
  what: string,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse(`${what} must be an object with any of: ${names.join(", ")}`);
  }
  checkNames(Object.keys(value), what, names);
  return value as Readonly<Record<string, unknown>>;
}

function checkNames(given: readonly string[], what: string, names: readonly string[]): void {
  const unknown = given.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    refuse(`${what} has an unknown "${unknown.slice(0, 100)}"; known are ${names.join(", ")}`);
  }
}

function flagOf(value: unknown, name: string): boolean {
  if (value !== undefined && typeof value !== "boolean") refuse(`${name} must be true or false`);
  return value === true;
}

function intervalOf(value: unknown, name: string, limits: LiveLimits): number {
  const { intervalMinMs, intervalMaxMs } = limits;
  const isWhole = typeof value === "number" && Number.isInteger(value);
  if (!isWhole || value < intervalMinMs || value > intervalMaxMs) {
    refuse(`${name} must be whole milliseconds from ${intervalMinMs} to ${intervalMaxMs}`);
  }
  return value;
}

function resumeOf(value: unknown): string | null {
  if (value !== null && (typeof value !== "string" || value.length > 200)) {
    refuse("resume must be a token that this API gave");
  }
  return value;
}

function devicesOf(value: unknown, limits: LiveLimits): Wishes["devices"] {
  if (value === null || value === false) return null;
  if (value === true) return "all";
  const { ids, where } = fieldsOf(value, "subscribe.devices", ["ids", "where"]);
  if (where === undefined) return checkIds(ids, "subscribe.devices.ids", limits);
  if (ids !== undefined) refuse("subscribe.devices must have ids or where, not both");
  return { where: checkWhere(where, "subscribe.devices.where") };
}

function checkWhere(text: unknown, name: string): string {
  if (typeof text !== "string") refuse(`${name} must be an expression as text`);
  try {
    parseWhere(text);
  } catch (error) {
    if (!(error instanceof WhereError)) throw error;
    throw new ApiError(400, "where-invalid", `${name}: ${error.message}`);
  }
  return text;
}

function idsOf(text: string, limits: LiveLimits): readonly string[] {
  return checkIds(text.split(","), "devices", limits);
}

function checkIds(value: unknown, name: string, { deviceIdsMax }: LiveLimits): readonly string[] {
  if (!isTexts(value)) refuse(`${name} must be a list of device identifiers`);
  if (value.length === 0 || value.length > deviceIdsMax) {
    refuse(`${name} must name 1 to ${deviceIdsMax} devices`);
  }
  if (value.some((id) => id === "" || id.length > 1024)) {
    refuse(`${name} has an identifier that is empty or longer than 1024 characters`);
  }
  return [...new Set(value)].sort();
}

function filtersOf(value: unknown, { filtersPerViewerMax }: LiveLimits): readonly string[] {
  if (!isTexts(value)) refuse("messages must be a list of topic filters");
  const filters = [...new Set(value)].sort();
  if (filters.length > filtersPerViewerMax) {
    refuse(`messages must have at most ${filtersPerViewerMax} topic filters`);
  }
  return filters;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
