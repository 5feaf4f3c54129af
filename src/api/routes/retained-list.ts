import { isUtf8 } from "node:buffer";
import type { FastifyInstance } from "fastify";
import { topicFilterProblem } from "../../mqtt/topic.ts";
import type { ApiContext } from "../context.ts";
import { retainedPageSizeBytesMax } from "../limits.ts";
import { operation } from "../operation.ts";
import { PageSelection } from "../paging.ts";
import type { NodePort, RetainedMessage } from "../ports.ts";
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
      const selection = new PageSelection<null>(after, limit);
      await scans.run(node.retainedTopics(filter), (topics) => {
        for (const topic of topics) selection.offer(topic, null);
      });
      const topics = selection.page().map(({ key }) => key);
      const { shown, last } = fitting(node, topics);
      const hasMore = selection.hasMore || last !== topics.at(-1);
      return {
        messages: shown.map(messageBody),
        next: hasMore ? (last ?? null) : null,
        count: selection.count,
      };
    },
  );
}

/** Those of the first topics that make one page, and the last topic of it. */
function fitting(
  node: NodePort,
  topics: readonly string[],
): { readonly shown: readonly RetainedMessage[]; readonly last: string | undefined } {
  const shown: RetainedMessage[] = [];
  let sizeBytes = 0;
  let last: string | undefined;
  for (const topic of topics) {
    // It may have gone while the others were looked at.
    const message = node.retainedMessage(topic);
    sizeBytes += message?.payload.length ?? 0;
    if (shown.length > 0 && sizeBytes > retainedPageSizeBytesMax) break;
    if (message !== null) shown.push(message);
    last = topic;
  }
  return { shown, last };
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
