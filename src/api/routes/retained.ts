import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import {
  conditionHeaders,
  etagHeaders,
  expectedVersion,
  refuseWithVersion,
  sendVersion,
} from "../condition.ts";
import type { ApiContext } from "../context.ts";
import { type JsonSchema, operation } from "../operation.ts";
import type { NodePort } from "../ports.ts";
import { ApiError } from "../problem.ts";
import { type ConsistencyQuery, prepareRead, readQuery, stalenessHeaders } from "../reading.ts";
import { answerOf, count, nothing, strictObject, text, version } from "../schemas/common.ts";

interface TopicParams {
  readonly "*": string;
}

const path = "/api/v1/retained/*";
const payloadSizeBytesMax = 1_048_576;

const params = strictObject(
  { "*": { type: "string", description: "A topic; its slashes may stay as they are" } },
  ["*"],
);
const bytes = { "application/octet-stream": { schema: { type: "string", format: "binary" } } };

const schemas = {
  get: operation({
    id: "getRetained",
    tag: "messages",
    summary: "Payload of a retained message",
    params,
    querystring: readQuery,
    answers: {
      200: {
        description: "The payload, with the version as `ETag`",
        headers: { ...etagHeaders, ...stalenessHeaders },
        content: bytes,
      },
    },
    problems: [404],
  }),
  put: operation({
    id: "putRetained",
    tag: "messages",
    summary: "Publish a retained message at QoS 1; the body is its payload",
    params,
    headers: conditionHeaders,
    // For the document: the body is bytes, and is looked at by the handler.
    body: { content: { "*/*": { schema: {} } } } as JsonSchema,
    answers: {
      200: {
        ...answerOf("Committed", { topic: text, version, delivered: count }),
        headers: etagHeaders,
      },
    },
    problems: [412],
  }),
  delete: operation({
    id: "deleteRetained",
    tag: "messages",
    summary: "Clear the retained message of a topic",
    params,
    headers: conditionHeaders,
    answers: { 204: nothing("Cleared, or it was not there") },
    problems: [412],
  }),
};

/** Retained messages by topic: the payload is the body, the version its entity tag. */
export function registerRetained(app: FastifyInstance, { node }: ApiContext): void {
  // In a scope of its own, because here every media type is bytes.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) =>
      done(null, body),
    );

    scope.get<{ Querystring: ConsistencyQuery; Params: TopicParams }>(
      path,
      { schema: schemas.get },
      async (request, reply) => {
        await prepareRead(node, request.query, reply);
        const topic = request.params["*"];
        const retained = node.getRetained(topic);
        if (retained === null) {
          throw new ApiError(404, "unknown-topic", `no retained message of topic "${topic}"`);
        }
        sendVersion(reply, retained.version);
        // Whatever a client published is shown as bytes: as a page it could use this node.
        reply.header("x-content-type-options", "nosniff");
        return reply.type("application/octet-stream").send(retained.payload);
      },
    );

    scope.put<{ Params: TopicParams }>(
      path,
      { schema: schemas.put, bodyLimit: payloadSizeBytesMax },
      async (request, reply) => {
        const { body } = request;
        if (!Buffer.isBuffer(body) || body.length === 0) {
          throw new ApiError(400, "request-invalid", "an empty payload: DELETE clears a topic");
        }
        return write(node, request, reply, body);
      },
    );

    scope.delete<{ Params: TopicParams }>(
      path,
      { schema: schemas.delete },
      async (request, reply) => {
        await write(node, request, reply, Buffer.alloc(0));
        return reply.code(204).send();
      },
    );
  });
}

async function write(
  node: NodePort,
  request: FastifyRequest<{ Params: TopicParams }>,
  reply: FastifyReply,
  payload: Buffer,
): Promise<object> {
  const topic = request.params["*"];
  const { matched, version } = await node
    .publish({ topic, payload, qos: 1, retain: true, expectedVersion: expectedVersion(request) })
    .catch((error: unknown) => refuseWithVersion(error, reply));
  const now = node.getRetained(topic);
  // Writes of one batch share a version: whose value was replaced within it must not take the tag for its own.
  const isOwn = now === null || now.version !== version || now.payload.equals(payload);
  if (isOwn && payload.length > 0) sendVersion(reply, version);
  return { topic, version, delivered: matched };
}
