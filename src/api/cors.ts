import type { FastifyInstance } from "fastify";

const methods = "GET, HEAD, POST, PUT, DELETE";
/** Besides those that any page may send. */
const requestHeaders = "content-type, authorization, if-match, if-none-match";
const answerHeaders = "etag, retry-after, x-staleness-ms, x-truncated";
/** A browser asks again after this long. */
const preflightSeconds = 600;

export function isAllowedOrigin(origins: readonly string[], origin: string): boolean {
  return origins.includes("*") || origins.includes(origin);
}

/**
 * Lets pages of other origins read answers (Fetch standard, 3.2). Runs before whoever asks has to say who they are: a browser's
 * question, whether it may ask, never does.
 */
export function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  app.addHook("onRequest", async (request, reply) => {
    const { origin, "access-control-request-method": asked } = request.headers;
    reply.header("vary", "origin");
    if (origin === undefined || !isAllowedOrigin(origins, origin)) return;
    reply.header("access-control-allow-origin", origin);
    reply.header("access-control-expose-headers", answerHeaders);
    if (request.method !== "OPTIONS" || asked === undefined) return;
    reply.header("access-control-allow-methods", methods);
    reply.header("access-control-allow-headers", requestHeaders);
    reply.header("access-control-max-age", preflightSeconds);
    return reply.code(204).send();
  });
}
