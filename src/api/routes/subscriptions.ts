import type { FastifyInstance } from "fastify";
import { topicNameProblem } from "../../mqtt/topic.ts";
import type { ApiContext } from "../context.ts";
import { operation } from "../operation.ts";
import { ApiError } from "../problem.ts";
import { subscriptionSchema, unansweredSchema } from "../schemas/clients.ts";
import {
  afterSchema,
  answerOf,
  count,
  limitSchema,
  listOf,
  nextSchema,
  strictObject,
} from "../schemas/common.ts";
import { SubscriptionDirectory, type SubscriptionQuery } from "../subscription-directory.ts";

const wanted = { type: "string", minLength: 1, maxLength: 65_535 } as const;

const listSchema = operation({
  id: "listSubscriptions",
  tag: "clients",
  summary: "Subscriptions of the whole cluster, sorted by client and filter",
  querystring: strictObject({
    limit: limitSchema,
    after: { ...afterSchema, maxLength: 262_144 },
    filter: { ...wanted, description: "Only this very filter" },
    topic: { ...wanted, description: "Only those that a message of this topic would go to" },
    clientId: { ...wanted, description: "Only those of this client" },
  }),
  answers: {
    200: answerOf("One page", {
      subscriptions: listOf(subscriptionSchema),
      next: nextSchema,
      count: { ...count, description: "Of all that were asked for" },
      unanswered: unansweredSchema,
    }),
  },
});

export function registerSubscriptions(app: FastifyInstance, context: ApiContext): void {
  const directory = new SubscriptionDirectory(context);
  app.get<{ Querystring: SubscriptionQuery }>(
    "/api/v1/subscriptions",
    { schema: listSchema },
    async (request) => {
      const { topic } = request.query;
      const problem = topic === undefined ? null : topicNameProblem(topic);
      if (problem !== null)
        throw new ApiError(400, "topic-invalid", `querystring/topic: ${problem}`);
      return directory.list(request.query);
    },
  );
}
