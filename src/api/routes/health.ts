import type { FastifyInstance } from "fastify";
import { type ApiContext, uptimeSeconds } from "../context.ts";

interface ReadinessQuery {
  readonly verbose?: string;
}

/** For orchestrators (`/livez`, `/readyz`) and for robot-tracking systems (`/api/health`). */
export function registerHealth(app: FastifyInstance, context: ApiContext): void {
  const { node } = context;
  // The process alone: restarting it would not bring back a quorum.
  app.get("/livez", async (_request, reply) => reply.type("text/plain").send("ok\n"));

  app.get<{ Querystring: ReadinessQuery }>("/readyz", async (request, reply) => {
    const isReady = node.isReady();
    reply.code(isReady ? 200 : 503).type("text/plain");
    const summary = isReady ? "ok" : "not ready";
    if (request.query.verbose === undefined) {
      return reply.send(`${summary}\n`);
    }
    const checks = node.readiness().map(({ name, isOk }) => `[${isOk ? "+" : "-"}]${name}`);
    const lines = checks.map((check) => `${check} ${check.startsWith("[+]") ? "ok" : "failed"}`);
    return reply.send(`${[...lines, summary].join("\n")}\n`);
  });

  app.get("/api/health", async (_request, reply) => {
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
