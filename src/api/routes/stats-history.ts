import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { historyStepMs } from "../limits.ts";
import { operation } from "../operation.ts";
import { unansweredSchema } from "../schemas/clients.ts";
import {
  answerOf,
  count,
  listOf,
  objectOf,
  strictObject,
  text,
  timeMs,
} from "../schemas/common.ts";
import { type StatsPoint, sumPoints } from "../stats-history.ts";

const pointSchema = objectOf({
  timeMs: { ...timeMs, description: "End of the step" },
  messagesIn: count,
  messagesOut: count,
  bytesIn: count,
  bytesOut: count,
  forwardsIn: count,
  forwardsOut: count,
  dropped: count,
  connections: count,
  subscriptions: count,
  sessions: count,
  retained: count,
  devices: count,
});

const historySchema = operation({
  id: "getStatsHistory",
  tag: "figures",
  summary: "The last hour of this node, or of all nodes together",
  querystring: strictObject({
    cluster: { type: "boolean", default: false, description: "The sum over all nodes" },
  }),
  answers: {
    200: answerOf("Growth within each step, and how much there was at its end; oldest first", {
      stepMs: count,
      points: listOf(pointSchema),
      nodes: { ...listOf(text), description: "Whose figures these are" },
      unanswered: unansweredSchema,
    }),
  },
});

export function registerStatsHistory(app: FastifyInstance, { node, history }: ApiContext): void {
  node.peers.onAsked("stats-history", async () => history.points());
  app.get<{ Querystring: { readonly cluster: boolean } }>(
    "/api/v1/stats/history",
    { schema: historySchema },
    async (request) => {
      const own = history.points();
      const stepMs = historyStepMs;
      if (!request.query.cluster)
        return { stepMs, points: own, nodes: [node.name], unanswered: [] };
      const { answers, unanswered } = await node.peers.ask("stats-history", null);
      const others = [...answers.values()] as (readonly StatsPoint[])[];
      const nodes = [node.name, ...answers.keys()].sort();
      return { stepMs, points: sumPoints([own, ...others]), nodes, unanswered };
    },
  );
}
