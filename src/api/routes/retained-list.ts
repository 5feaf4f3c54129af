import { isUtf8 } from "node:buffer";
import type { FastifyInstance } from "fastify";
import { matches, topicFilterProblem } from "../../mqtt/topic.ts";
import type { ApiContext } from "../context.ts";
import { retainedPageSizeBytesMax } from "../limits.ts";
import { operation } from "../operation.ts";
import { PageSelection } from "../paging.ts";
import type { RetainedMessage } from "../ports.ts";
import { ApiError } from "../problem.ts";
import {
  type ConsistencyQuery,
  consistencySchema,
  prepareRead,
  stalenessHeaders,
} from "../reading.ts";
import {
  afterSchema,
  answerOf,
  count,
  limitSchema,
  listOf,
  nextSchema,
  objectOf,
  orNull,
  strictObject,
  text,
  timeMs,
  version,
} from "../schemas/common.ts";

interface ListQuery extends ConsistencyQuery {
  readonly filter: string;
  readonly limit: number;
  readonly after: string;
}

const messageSchema = objectOf({
  topic: text,
  payload: { type: "string", contentEncoding: "base64" },
  text: { ...orNull(text), description: "The payload, where it is UTF-8" },
  qos: { type: "integer", minimum: 0, maximum: 2 },
  version,
  timeMs,
  sizeBytes: count,
  publisherId: { ...text, description: "Empty for the broker itself and the HTTP API" },
});

const listSchema = operation({
  id: "listRetained",
  tag: "messages",
  summary: "Retained messages by topic filter, sorted by topic",
  description:
    "As in MQTT, a wildcard in the first level does not match topics that begin with `$`.",
  querystring: strictObject({
    filter: { type: "string", minLength: 1, maxLength: 65_535, default: "#" },
    limit: limitSchema,
    after: afterSchema,
    consistency: consistencySchema,
  }),
  answers: {
    200: {
      ...answerOf("One page; shorter than `limit` where payloads are large", {
        messages: listOf(messageSchema),
        next: nextSchema,
        count: { ...count, description: "Of all that match" },
      }),
      headers: stalenessHeaders,
    },
  },
});

export function registerRetainedList(app: FastifyInstance, { node, scans }: ApiContext): void {
  app.get<{ Querystring: ListQuery }>(
    "/api/v1/retained",
    { schema: listSchema },
    async (request, reply) => {
      const { filter, limit, after } = request.query;
      const problem = topicFilterProblem(filter);
      if (problem !== null) {
        throw new ApiError(400, "topic-invalid", `querystring/filter: ${problem}`);
      }
      await prepareRead(node, request.query, reply);
      const selection = new PageSelection<RetainedMessage>(after, limit);
      const isWanted = matcherOf(filter);
      await scans.run(node.retainedMessages(), (message) => {
        if (isWanted(message.topic)) selection.offer(message.topic, message);
      });
      const all = selection.page().map(({ value }) => value);
      const shown = all.slice(0, fitting(all));
      const hasMore = selection.hasMore || shown.length < all.length;
      return {
        messages: shown.map(messageBody),
        next: hasMore ? (shown.at(-1)?.topic ?? null) : null,
        count: selection.count,
      };
    },
  );
}

/** Most topics are told apart by what stands before the first wildcard. */
function matcherOf(filter: string): (topic: string) => boolean {
  const wildcard = filter.search(/[+#]/);
  if (wildcard < 0) return (topic) => topic === filter;
  // `a/#` matches `a`, too.
  const prefix = filter.slice(0, Math.max(0, wildcard - 1));
  return (topic) => topic.startsWith(prefix) && matches(filter, topic);
}

function fitting(messages: readonly RetainedMessage[]): number {
  let sizeBytes = 0;
  let fits = 0;
  for (const { payload } of messages) {
    sizeBytes += payload.length;
    if (fits > 0 && sizeBytes > retainedPageSizeBytesMax) break;
    fits++;
  }
  return fits;
}

function messageBody(message: RetainedMessage): object {
  const { topic, payload, qos, version: written, receivedAtMs, publisherId } = message;
  return {
    topic,
    payload: payload.toString("base64"),
    text: isUtf8(payload) ? payload.toString("utf8") : null,
    qos,
    version: written,
    timeMs: receivedAtMs,
    sizeBytes: payload.length,
    publisherId,
  };
}
