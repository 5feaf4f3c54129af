import type { FastifyInstance } from "fastify";
import { type ApiContext, uptimeSeconds } from "../context.ts";
import { operation } from "../operation.ts";
import { answerOf, count, plainText, text } from "../schemas/common.ts";

interface ReadinessQuery {
  readonly verbose?: string;
}

const healthProperties = {
  status: { type: "string", enum: ["ok", "unavailable"] },
  node: text,
  version: text,
  uptimeSeconds: count,
  checks: { type: "object", additionalProperties: { type: "string", enum: ["ok", "failed"] } },
};

const schemas = {
  live: operation({
    id: "getLiveness",
    tag: "figures",
    summary: "Whether the process runs",
    answers: { 200: plainText("`ok`") },
  }),
  ready: operation({
    id: "getReadiness",
    tag: "figures",
    summary: "Whether clients should come here",
    querystring: {
      type: "object",
      properties: { verbose: { type: "string", description: "Lists the checks" } },
    },
    answers: { 200: plainText("`ok`"), 503: plainText("`not ready`") },
  }),
  health: operation({
    id: "getHealth",
    tag: "figures",
    summary: "Readiness as JSON",
    answers: {
      200: answerOf("Ready", healthProperties),
      503: answerOf("Not ready", healthProperties),
    },
  }),
};

/** For orchestrators (`/livez`, `/readyz`) and for robot-tracking systems (`/api/health`). */
export function registerHealth(app: FastifyInstance, context: ApiContext): void {
  const { node } = context;
  // The process alone: restarting it would not bring back a quorum.
  app.get("/livez", { schema: schemas.live }, async (_request, reply) =>
    reply.type("text/plain").send("ok\n"),
  );

  app.get<{ Querystring: ReadinessQuery }>(
    "/readyz",
    { schema: schemas.ready },
    async (request, reply) => {
      const isReady = node.isReady();
      reply.code(isReady ? 200 : 503).type("text/plain");
      const summary = isReady ? "ok" : "not ready";
      if (request.query.verbose === undefined) {
        return reply.send(`${summary}\n`);
      }
      const checks = node.readiness().map(({ name, isOk }) => `[${isOk ? "+" : "-"}]${name}`);
      const lines = checks.map((check) => `${check} ${check.startsWith("[+]") ? "ok" : "failed"}`);
      return reply.send(`${[...lines, summary].join("\n")}\n`);
    },
  );

  app.get("/api/health", { schema: schemas.health }, async (_request, reply) => {
    const isReady = node.isReady();
    const checks = node.readiness().map(({ name, isOk }) => [name, isOk ? "ok" : "failed"]);
    return reply.code(isReady ? 200 : 503).send({
      status: isReady ? "ok" : "unavailable",
      node: node.name,
      version: node.version,
      uptimeSeconds: uptimeSeconds(context),
      checks: Object.fromEntries(checks),
    });
  });
}
