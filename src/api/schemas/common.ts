import { pageEntriesMax } from "../limits.ts";
import type { JsonSchema } from "../operation.ts";

/** An object that always has all of these properties; others are not ruled out, so that later versions may add some. */
export function answerOf(description: string, properties: Record<string, JsonSchema>): JsonSchema {
  return { description, ...objectOf(properties) };
}

export function objectOf(properties: Record<string, JsonSchema>): JsonSchema {
  return { type: "object", required: Object.keys(properties), properties };
}

export function listOf(items: JsonSchema): JsonSchema {
  return { type: "array", items };
}

/** A body or query that refuses what it does not know: a misspelt field would quietly mean something else. */
export function strictObject(
  properties: Record<string, JsonSchema>,
  required: readonly string[] = [],
): JsonSchema {
  return {
    type: "object",
    properties,
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  };
}

export const text = { type: "string" } as const;
export const flag = { type: "boolean" } as const;
export const count = { type: "integer", minimum: 0 } as const;
/** Per second, say. */
export const amount = { type: "number", minimum: 0 } as const;
export const timeMs = {
  type: "integer",
  description: "Wall clock in milliseconds since 1970",
} as const;
export const version = {
  type: "integer",
  minimum: 0,
  description: "Log index of the write; only grows",
} as const;
export const anyJson = { description: "Any JSON value" } as const;

export function orNull(schema: JsonSchema): JsonSchema {
  const { description, ...rest } = schema;
  return { ...(description === undefined ? {} : { description }), anyOf: [rest, { type: "null" }] };
}

/** Paging: `limit` and `after` in the query, `next` in the answer. */
export const limitSchema = {
  type: "integer",
  minimum: 1,
  maximum: pageEntriesMax,
  default: 100,
  description: "Entries of one page",
} as const;
export const afterSchema = {
  type: "string",
  maxLength: 65_535,
  default: "",
  description: "`next` of the page before",
} as const;
export const nextSchema = {
  type: ["string", "null"],
  description: "`after` of the next page; null on the last",
} as const;

export const stalenessSchema = {
  type: ["integer", "null"],
  description: "Milliseconds by which the copy may be old; null when not known",
} as const;

/** An answer without a body. */
export function nothing(description: string): JsonSchema {
  return { description, type: "null" };
}

/** Text for people or for other programs, as it stands. */
export function plainText(description: string): JsonSchema {
  return { description, content: { "text/plain": { schema: { type: "string" } } } };
}
