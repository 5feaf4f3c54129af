import { sameJson } from "./same-json.ts";
import { isJsonObject } from "./state-value.ts";

type Section = Readonly<Record<string, unknown>>;

/**
 * A JSON Merge Patch (RFC 7396): objects merge field by field at every depth, null takes a field away, everything else takes the place
 * of what was there. Neither argument changes; a name like `__proto__` is a field as any other.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const merged = new Map<string, unknown>(isJsonObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  // `Object.fromEntries` defines fields and so calls no setter of a prototype.
  return Object.fromEntries(merged);
}

/** What is desired and is not so: only the fields that differ, at every depth; fields that nobody desires do not count. */
export function deltaOf(desired: Section, reported: Section): Section {
  const delta: [string, unknown][] = [];
  for (const [name, wanted] of Object.entries(desired)) {
    const found = Object.hasOwn(reported, name) ? reported[name] : undefined;
    if (isJsonObject(wanted) && isJsonObject(found)) {
      const inner = deltaOf(wanted, found);
      if (Object.keys(inner).length > 0) delta.push([name, inner]);
    } else if (!sameJson(wanted, found)) {
      delta.push([name, wanted]);
    }
  }
  return Object.fromEntries(delta);
}
