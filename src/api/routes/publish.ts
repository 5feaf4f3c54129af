import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { bulkBodySizeBytesMax, bulkMessagesMax, publishBodySizeBytesMax } from "../limits.ts";
import { type MessageBody, messageSchema, publishRequestOf } from "../message-body.ts";
import { operation, problemSchemaId } from "../operation.ts";
import type { NodePort, PublishRequest } from "../ports.ts";
import { problemOf } from "../problem.ts";
import { answerOf, count, listOf, objectOf, strictObject, version } from "../schemas/common.ts";

const published = {
  matched: { ...count, description: "Subscribers here, and other nodes that have some" },
  delivery: {
    type: "string",
    enum: ["delivered", "queued", "nobody"],
    description: "queued: only for sessions that are away",
  },
  version: { ...version, description: "Of the retained message; 0 when it is not retained" },
} as const;

const schemas = {
  one: operation({
    id: "publish",
    tag: "messages",
    summary: "Publish a message",
    description: "Answers when the promise of its QoS is true.",
    body: messageSchema,
    answers: { 200: answerOf("Published", published) },
  }),
  bulk: operation({
    id: "publishBulk",
    tag: "messages",
    summary: "Publish up to 1000 messages",
    description:
      "Nothing is published when one of them is wrong; what fails later has its own result.",
    body: strictObject(
      { messages: { type: "array", items: messageSchema, minItems: 1, maxItems: bulkMessagesMax } },
      ["messages"],
    ),
    answers: {
      200: answerOf("One result for each, in order", {
        results: listOf({
          anyOf: [objectOf(published), objectOf({ problem: { $ref: `${problemSchemaId}#` } })],
        }),
        failed: count,
      }),
    },
  }),
};

export function registerPublish(app: FastifyInstance, { node }: ApiContext): void {
  app.post<{ Body: MessageBody }>(
    "/api/v1/publish",
    { schema: schemas.one, bodyLimit: publishBodySizeBytesMax },
    async (request) => publish(node, publishRequestOf(request.body)),
  );

  app.post<{ Body: { readonly messages: readonly MessageBody[] } }>(
    "/api/v1/publish/bulk",
    { schema: schemas.bulk, bodyLimit: bulkBodySizeBytesMax },
    async (request) => {
      const requests = request.body.messages.map((message, at) =>
        publishRequestOf(message, `body/messages/${at}`),
      );
      const results = await Promise.all(
        requests.map((message) =>
          publish(node, message).catch((error: unknown) => ({ problem: problemOf(error) })),
        ),
      );
      return { results, failed: results.filter((result) => "problem" in result).length };
    },
  );
}

async function publish(node: NodePort, request: PublishRequest): Promise<object> {
  const { matched, delivery, version: written } = await node.publish(request);
  return { matched, delivery, version: written };
}
