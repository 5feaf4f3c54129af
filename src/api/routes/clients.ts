import type { FastifyInstance } from "fastify";
import { ClientDirectory, type ClientListQuery } from "../client-directory.ts";
import type { ApiContext } from "../context.ts";
import { operation } from "../operation.ts";
import { clientDetailSchema, clientSchema, unansweredSchema } from "../schemas/clients.ts";
import {
  afterSchema,
  answerOf,
  count,
  limitSchema,
  listOf,
  nextSchema,
  strictObject,
  text,
} from "../schemas/common.ts";

const params = strictObject(
  { id: { type: "string", minLength: 1, description: "A client identifier, percent-encoded" } },
  ["id"],
);

const schemas = {
  list: operation({
    id: "listClients",
    tag: "clients",
    summary: "Clients of the whole cluster, sorted by identifier",
    description: "Connected clients, and those that are away and have a stored session.",
    querystring: strictObject({
      limit: limitSchema,
      after: afterSchema,
      search: {
        type: "string",
        minLength: 1,
        maxLength: 1024,
        description: "Part of the identifier",
      },
      node: {
        type: "string",
        minLength: 1,
        maxLength: 63,
        description: "Only those connected there",
      },
    }),
    answers: {
      200: answerOf("One page", {
        clients: listOf(clientSchema),
        next: nextSchema,
        count: { ...count, description: "Of all that were asked for" },
        unanswered: unansweredSchema,
      }),
    },
    problems: [404],
  }),
  get: operation({
    id: "getClient",
    tag: "clients",
    summary: "One client, with its subscriptions and what happened to it lately",
    params,
    answers: { 200: { ...clientDetailSchema, description: "From its own node and the log" } },
    problems: [404],
  }),
  kick: operation({
    id: "kickClient",
    tag: "clients",
    summary: "End the connection of a client, whichever node has it",
    description: "MQTT 5 clients get DISCONNECT 0x98 with the reason; others are closed.",
    params,
    querystring: strictObject({
      reason: {
        type: "string",
        minLength: 1,
        maxLength: 256,
        pattern: "^[^\\u0000]+$",
        default: "ended by an operator",
      },
    }),
    answers: {
      200: answerOf("It was connected, and is not any more", {
        clientId: text,
        node: text,
        kicked: { const: true },
      }),
    },
    problems: [404],
  }),
};

interface ClientRequest {
  readonly Params: { readonly id: string };
}

/** Who is connected, where, and what happened to them. */
export function registerClients(app: FastifyInstance, context: ApiContext): void {
  const directory = new ClientDirectory(context);
  app.get<{ Querystring: ClientListQuery }>(
    "/api/v1/clients",
    { schema: schemas.list },
    async (request) => directory.list(request.query),
  );

  app.get<ClientRequest>("/api/v1/clients/:id", { schema: schemas.get }, async (request) =>
    directory.get(request.params.id),
  );

  app.delete<ClientRequest & { Querystring: { readonly reason: string } }>(
    "/api/v1/clients/:id",
    { schema: schemas.kick },
    async (request) => {
      const { id } = request.params;
      const { reason } = request.query;
      const answer = await directory.kick(id, reason);
      context.log.info({ clientId: id, reason, remote: request.ip }, "a client was kicked");
      return answer;
    },
  );
}
