import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isStateValue } from "../../replica/state-value.ts";
import {
  conditionHeaders,
  etagHeaders,
  expectedVersion,
  refuseWithVersion,
  sendVersion,
} from "../condition.ts";
import type { ApiContext } from "../context.ts";
import { operation } from "../operation.ts";
import type { AttributeState, NodePort } from "../ports.ts";
import { ApiError } from "../problem.ts";
import { type ConsistencyQuery, prepareRead, readQuery, stalenessHeaders } from "../reading.ts";
import { answerOf, anyJson, nothing, strictObject, text, version } from "../schemas/common.ts";
import { attributeSchema, nameSchema } from "../schemas/devices.ts";

interface AttributeParams {
  readonly id: string;
  readonly name: string;
}

const path = "/api/v1/devices/:id/attributes/:name";

const params = strictObject({ id: nameSchema, name: nameSchema }, ["id", "name"]);

const schemas = {
  get: operation({
    id: "getAttribute",
    tag: "devices",
    summary: "One attribute of one device",
    params,
    querystring: readQuery,
    answers: {
      200: {
        ...attributeSchema,
        description: "Its value, with the version as `ETag`",
        headers: { ...etagHeaders, ...stalenessHeaders },
      },
    },
    problems: [404],
  }),
  put: operation({
    id: "setAttribute",
    tag: "devices",
    summary: "Set an attribute; an object takes the place of the old one",
    params,
    headers: conditionHeaders,
    body: anyJson,
    answers: {
      200: {
        ...answerOf("Committed", { id: text, attribute: text, version }),
        headers: etagHeaders,
      },
    },
    problems: [412],
  }),
  delete: operation({
    id: "deleteAttribute",
    tag: "devices",
    summary: "Remove an attribute",
    params,
    headers: conditionHeaders,
    answers: { 204: nothing("Removed, or it was not there") },
    problems: [412],
  }),
};

/** One attribute of one device: its value as JSON, the version its entity tag. */
export function registerAttributes(app: FastifyInstance, { node }: ApiContext): void {
  app.get<{ Querystring: ConsistencyQuery; Params: AttributeParams }>(
    path,
    { schema: schemas.get },
    async (request, reply) => {
      await prepareRead(node, request.query, reply);
      const { id, name } = request.params;
      const state = stateOf(node, request.params);
      if (state === undefined) {
        throw new ApiError(404, "unknown-attribute", `device "${id}" has no attribute "${name}"`);
      }
      sendVersion(reply, state.version);
      const { value, version, timeMs, source } = state;
      return { value, version, timeMs, source, node: node.nodeName(state.node) };
    },
  );

  app.put<{ Params: AttributeParams }>(path, { schema: schemas.put }, async (request, reply) => {
    const { body } = request;
    if (body === undefined || !isStateValue(body)) {
      throw new ApiError(400, "request-invalid", "expected a JSON value that is not too deep");
    }
    return write(node, request, reply, body);
  });

  app.delete<{ Params: AttributeParams }>(
    path,
    { schema: schemas.delete },
    async (request, reply) => {
      await write(node, request, reply, undefined);
      return reply.code(204).send();
    },
  );
}

function stateOf(node: NodePort, { id, name }: AttributeParams): AttributeState | undefined {
  return node.devices.get(id)?.attributes.get(name);
}

async function write(
  node: NodePort,
  request: FastifyRequest<{ Params: AttributeParams }>,
  reply: FastifyReply,
  value: unknown,
): Promise<object> {
  const { id, name } = request.params;
  const { version } = await node
    .setAttribute({ device: id, attribute: name, value, expectedVersion: expectedVersion(request) })
    .catch((error: unknown) => refuseWithVersion(error, reply));
  const now = stateOf(node, request.params);
  // Writes of one batch share a version: whose value was replaced within it must not take the tag for its own.
  const isOwn = now?.version !== version || JSON.stringify(now.value) === JSON.stringify(value);
  if (isOwn && value !== undefined) sendVersion(reply, version);
  return { id, attribute: name, version };
}
