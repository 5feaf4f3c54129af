import type { AttributeUpdate } from "./replica-api.ts";

/** How deep arrays and objects may nest in a value of device state. */
export const valueDepthMax = 32;

/** A JSON object, as opposed to an array, null or a bare value: the kind of value whose fields merge. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Whether a parsed JSON value may stand in the replicated state. Numbers must survive JSON (1e999 parses to Infinity and would come
 * back as null), and the depth is bounded, because the depth at which `JSON.stringify` overflows the stack differs
 * between nodes and would make them disagree.
 */
export function isStateValue(value: unknown, depthLeft: number = valueDepthMax): boolean {
  if (typeof value === "number") {
    return Number.isFinite(value);
  }
  if (typeof value !== "object" || value === null) {
    return typeof value === "string" || typeof value === "boolean" || value === null;
  }
  if (depthLeft === 0) {
    return false;
  }
  if (Array.isArray(value)) return value.every((item) => isStateValue(item, depthLeft - 1));
  // Fields of JSON are own ones, and a list of them made for each value would cost as much as the rest.
  for (const name in value) {
    if (!isStateValue((value as Readonly<Record<string, unknown>>)[name], depthLeft - 1))
      return false;
  }
  return true;
}

/** The field that makes an object stand for bytes that are no UTF-8: `{"$base64": "..."}`. */
export const bytesField = "$base64";

/** An object whose fields merge: not one that stands for bytes. */
function isMergeable(value: unknown): value is Readonly<Record<string, unknown>> {
  return isJsonObject(value) && !Object.hasOwn(value, bytesField);
}

/**
 * What an attribute holds after an update: where the old and the new value are both JSON objects, the old one with the fields of the
 * new one; else the new one. Fields keep the order in which they first came, which JSON keeps too, so that live and
 * restored values print alike.
 */
export function mergeValues(previous: unknown, next: unknown): unknown {
  if (!isMergeable(previous) || !isMergeable(next) || hasSameFields(previous, next)) return next;
  return { ...previous, ...next };
}

/** In the same order, so that nothing of the old one would be left: nearly always, of a device that tells the same every time. */
function hasSameFields(one: object, other: object): boolean {
  const names = Object.keys(one);
  let count = 0;
  for (const name in other) if (names[count++] !== name) return false;
  return count === names.length;
}

/** Nothing is left of the earlier one when they are joined. */
export function takesPlace(earlier: AttributeUpdate, later: AttributeUpdate): boolean {
  if (later.isReplacing === true || !isMergeable(later.value)) return true;
  return isMergeable(earlier.value) && hasSameFields(earlier.value, later.value);
}

/** As below, of whole updates: the later one's time to live counts. */
export function joinUpdates(
  earlier: AttributeUpdate,
  later: AttributeUpdate,
  isOwned = false,
): AttributeUpdate | null {
  if (later.isReplacing === true) return later;
  const joined = joinUpdateValues(earlier.value, later.value, isOwned);
  if (joined === null) return null;
  // What took the place of everything before still does, with the newer fields in it.
  const isReplacing = earlier.isReplacing === true ? { isReplacing: true as const } : {};
  const { device, attribute, ttlSeconds } = later;
  const ttl = ttlSeconds === undefined ? {} : { ttlSeconds };
  return { device, attribute, value: joined.value, ...ttl, ...isReplacing };
}

/**
 * One update in place of two of the same attribute, as if both were applied; null when there is no such update and both must
 * be applied in turn: an object must not merge into what a bare value, or a removal, was to replace. `isOwned`: the earlier one came of
 * joining two others and is nobody else's, so that it takes the newer fields itself; a copy for each would cost as much as all before.
 */
export function joinUpdateValues(
  earlier: unknown,
  later: unknown,
  isOwned = false,
): { readonly value: unknown } | null {
  if (!isMergeable(later)) return { value: later };
  if (!isMergeable(earlier)) return null;
  return { value: isOwned ? withFields(earlier, later) : mergeValues(earlier, later) };
}

function withFields(owned: object, newer: Readonly<Record<string, unknown>>): object {
  for (const name of Object.keys(newer)) {
    const value = newer[name];
    if (name !== "__proto__") (owned as Record<string, unknown>)[name] = value;
    // Like any other field of JSON, where an assignment would change what the object is.
    else {
      const kind = { writable: true, enumerable: true, configurable: true };
      Object.defineProperty(owned, name, { value, ...kind });
    }
  }
  return owned;
}
