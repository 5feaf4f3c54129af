import type { FastifyInstance } from "fastify";
import { expose } from "../../telemetry/exposition.ts";
import { processMetrics } from "../../telemetry/process-metrics.ts";
import { type ApiContext, staleness, uptimeSeconds } from "../context.ts";
import { operation } from "../operation.ts";
import type { NodePort } from "../ports.ts";
import type { Sums } from "../rates.ts";
import { amount, answerOf, count, plainText, stalenessSchema, text } from "../schemas/common.ts";

/** The counters of the broker that `/api/stats` gives rates for. */
const rateCounters = [
  "publishReceived",
  "publishSent",
  "bytesReceived",
  "bytesSent",
  "forwardSent",
  "forwardReceived",
] as const;

export function rateSums(node: NodePort): Sums {
  const { counters } = node.figures();
  return Object.fromEntries(rateCounters.map((name) => [name, counters.get(name) ?? 0]));
}

const schemas = {
  stats: operation({
    id: "getStats",
    tag: "figures",
    summary: "Messages and bytes in and out, clients, devices, drops by reason",
    answers: {
      200: answerOf("Since the start of this node; rates over ten seconds", {
        node: text,
        version: text,
        uptimeSeconds: count,
        stalenessMs: stalenessSchema,
        messagesIn: count,
        messagesOut: count,
        messagesInPerSecond: amount,
        messagesOutPerSecond: amount,
        bytesIn: count,
        bytesOut: count,
        bytesInPerSecond: amount,
        bytesOutPerSecond: amount,
        forwardsIn: count,
        forwardsOut: count,
        forwardsInPerSecond: amount,
        forwardsOutPerSecond: amount,
        connections: count,
        sessions: count,
        subscriptions: count,
        sharedSubscriptions: count,
        retained: count,
        devices: count,
        viewers: count,
        dropped: { type: "object", additionalProperties: count },
      }),
    },
  }),
  metrics: operation({
    id: "getMetrics",
    tag: "figures",
    summary: "All counters, for Prometheus",
    answers: { 200: plainText("Prometheus text format") },
  }),
};

export function registerStats(app: FastifyInstance, context: ApiContext): void {
  app.get("/api/stats", { schema: schemas.stats }, async () => statsBody(context));

  app.get("/metrics", { schema: schemas.metrics }, async (_request, reply) => {
    const { node, live, counters } = context;
    const text = expose({
      info: { node: node.name, version: node.version },
      gauges: {
        ...gaugesOf(node),
        viewers: live.audience.size,
        uptimeSeconds: uptimeSeconds(context),
      },
      counters: new Map([
        ...node.figures().counters,
        ...live.counters.entries(),
        ...counters.entries(),
      ]),
      cluster: node.clusterMetrics(),
      process: processMetrics(),
      histograms: new Map([
        ...node.histograms(),
        ["flockmq_event_loop_delay_seconds", context.eventLoopDelay.seconds],
      ]),
    });
    return reply.type("text/plain; version=0.0.4; charset=utf-8").send(text);
  });
}

function gaugesOf(node: NodePort): Record<string, number> {
  const { counters: _, ...figures } = node.figures();
  return { ...figures, ready: node.isReady() ? 1 : 0, stalenessMs: node.stalenessMs() };
}

export function statsBody(context: ApiContext): object {
  const { node, rates, live } = context;
  const { counters, ...figures } = node.figures();
  const count = (name: string): number => counters.get(name) ?? 0;
  return {
    node: node.name,
    version: node.version,
    uptimeSeconds: uptimeSeconds(context),
    stalenessMs: staleness(node),
    messagesIn: count("publishReceived"),
    messagesOut: count("publishSent"),
    messagesInPerSecond: rates.perSecond("publishReceived"),
    messagesOutPerSecond: rates.perSecond("publishSent"),
    bytesIn: count("bytesReceived"),
    bytesOut: count("bytesSent"),
    bytesInPerSecond: rates.perSecond("bytesReceived"),
    bytesOutPerSecond: rates.perSecond("bytesSent"),
    forwardsIn: count("forwardReceived"),
    forwardsOut: count("forwardSent"),
    forwardsInPerSecond: rates.perSecond("forwardReceived"),
    forwardsOutPerSecond: rates.perSecond("forwardSent"),
    ...figures,
    viewers: live.audience.size,
    dropped: Object.fromEntries([...counters].filter(([name]) => /dropped/i.test(name))),
  };
}
