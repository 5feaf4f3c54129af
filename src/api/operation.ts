import type { FastifySchema } from "fastify";

/** A JSON schema (2020-12), as far as both the validator and the OpenAPI document understand it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Groups of operations in the document, in this order. */
export const tags = {
  devices: "Latest state of devices",
  live: "News as it happens",
  commands: "Commands to devices",
  messages: "Publishing, and retained messages",
  clients: "Connected clients, stored sessions and their subscriptions, of the whole cluster",
  cluster: "Members and their upkeep",
  figures: "Health, statistics and metrics",
} as const;

/** What one route takes and answers. The validator, the OpenAPI document and the tests are all made from it. */
export interface Operation {
  /** Unique, for generated clients: a verb first, such as `listDevices`. */
  readonly id: string;
  readonly tag: keyof typeof tags;
  /** One line. */
  readonly summary: string;
  readonly description?: string;
  readonly params?: JsonSchema;
  readonly querystring?: JsonSchema;
  readonly headers?: JsonSchema;
  readonly body?: JsonSchema;
  /** By status; each with a `description`. Schemas of objects, or of `content` by media type. */
  readonly answers: Readonly<Record<number, JsonSchema>>;
  /** Statuses of problem documents beyond those that every operation may answer. */
  readonly problems?: readonly ProblemStatus[];
}

const problemTexts = {
  400: "The request is wrong; `detail` names the field",
  401: "Who asks is not known",
  403: "Whoever asks may not do this",
  404: "There is no such thing",
  405: "The path has other methods; `Allow` lists them",
  409: "Not possible in the present state",
  412: "Somebody else wrote first",
  413: "The body is too large",
  415: "Another media type is wanted",
  421: "This address answers to localhost only",
  426: "This is a WebSocket",
  429: "Too many requests; `Retry-After` says when to come back",
  500: "A bug; the node's log has it",
  503: "Not now; try again, or another node",
  504: "Nobody answered in time",
} as const;

export type ProblemStatus = keyof typeof problemTexts;

const problemsOfAll: readonly ProblemStatus[] = [400, 401, 403, 421, 429, 500, 503];
const problemsOfPaths: readonly ProblemStatus[] = [404];
const problemsOfBodies: readonly ProblemStatus[] = [413, 415];

export const problemSchemaId = "Problem";

/** RFC 9457. */
export const problemSchema = {
  $id: problemSchemaId,
  type: "object",
  required: ["type", "title", "status", "detail", "code"],
  properties: {
    type: { type: "string", format: "uri-reference" },
    title: { type: "string" },
    status: { type: "integer", minimum: 400, maximum: 599 },
    detail: { type: "string", description: "For people; names the field that is wrong" },
    code: { type: "string", description: "For programs; stable" },
  },
} as const;

/** The schema of a route: `app.get(path, { schema: operation({ ... }) }, handler)`. */
export function operation(parts: Operation): FastifySchema {
  const { id, tag, answers, problems = [], ...rest } = parts;
  const bodyProblems = parts.body === undefined ? [] : problemsOfBodies;
  const pathProblems = parts.params === undefined ? [] : problemsOfPaths;
  const statuses = new Set([...problemsOfAll, ...bodyProblems, ...pathProblems, ...problems]);
  const refusals = [...statuses].map((status) => [status, problemAnswer(status)] as const);
  return {
    operationId: id,
    tags: [tag],
    ...rest,
    response: { ...Object.fromEntries(refusals), ...answers },
  };
}

function problemAnswer(status: ProblemStatus): JsonSchema {
  return {
    description: problemTexts[status],
    content: { "application/problem+json": { schema: { $ref: `${problemSchemaId}#` } } },
  };
}

/** For routes that belong to no document, such as the files of a page. */
export const undocumented = { hide: true } as const satisfies FastifySchema;
