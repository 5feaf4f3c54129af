import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { expectedVersion, refuseWithVersion, sendVersion } from "../condition.ts";
import type { ApiContext } from "../context.ts";
import type { NodePort } from "../ports.ts";
import { ApiError } from "../problem.ts";
import { type ConsistencyQuery, prepareRead, readSchema } from "../reading.ts";

interface TopicParams {
  readonly "*": string;
}

const path = "/api/v1/retained/*";
const payloadSizeBytesMax = 1_048_576;

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
      { schema: readSchema },
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
      { bodyLimit: payloadSizeBytesMax },
      async (request, reply) => {
        const { body } = request;
        if (!Buffer.isBuffer(body) || body.length === 0) {
          throw new ApiError(400, "request-invalid", "an empty payload: DELETE clears a topic");
        }
        return write(node, request, reply, body);
      },
    );

    scope.delete<{ Params: TopicParams }>(path, async (request, reply) => {
      await write(node, request, reply, Buffer.alloc(0));
      return reply.code(204).send();
    });
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
