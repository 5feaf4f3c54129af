interface QueryFunction {
  readonly arity: 1 | 2;
  /** The second argument is null where there is none. */
  readonly apply: (first: unknown, second: unknown) => unknown;
}

/** Each in time that grows with its arguments and no faster. */
export const functions: ReadonlyMap<string, QueryFunction> = new Map<string, QueryFunction>([
  ["has", { arity: 1, apply: (value) => value !== null }],
  ["startsWith", { arity: 2, apply: onTexts((text, part) => text.startsWith(part)) }],
  ["endsWith", { arity: 2, apply: onTexts((text, part) => text.endsWith(part)) }],
  ["contains", { arity: 2, apply: contains }],
  ["lower", { arity: 1, apply: (text) => (typeof text === "string" ? text.toLowerCase() : null) }],
  ["abs", { arity: 1, apply: (value) => (typeof value === "number" ? Math.abs(value) : null) }],
]);

function onTexts(holds: (text: string, part: string) => boolean) {
  return (text: unknown, part: unknown): boolean =>
    typeof text === "string" && typeof part === "string" && holds(text, part);
}

/** A text has the other in it, a list has the value in it. */
function contains(whole: unknown, part: unknown): boolean {
  if (Array.isArray(whole)) return whole.includes(part);
  return typeof whole === "string" && typeof part === "string" && whole.includes(part);
}
