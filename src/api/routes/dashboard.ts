import { createHash } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { chooseEncoding, type DashboardFile, type DashboardFiles } from "../dashboard-files.ts";
import { undocumented } from "../operation.ts";
import { ApiError } from "../problem.ts";

/** Paths that answer with the page itself, which then shows the right part of it: a link or a reload must lead there. */
export const dashboardPaths = ["/", "/map", "/cluster", "/clients", "/topics", "/history"] as const;

const immutable = "public, max-age=31536000, immutable";

/**
 * The dashboard's page and its files. Their names carry a hash of their content, so that a browser asks for each only once, and
 * for the page itself always.
 */
export function registerDashboard(app: FastifyInstance, files: DashboardFiles): void {
  const page = files.get("index.html");
  const etag = page === undefined ? "" : `"${hashOf(page.body)}"`;
  for (const path of dashboardPaths) {
    app.get(path, { schema: undocumented }, async (request, reply) => {
      if (page === undefined) {
        throw new ApiError(404, "unknown-path", "the dashboard was not built: npm run build");
      }
      reply.headers({ ...pageHeaders(request), "cache-control": "no-cache", etag });
      if (request.headers["if-none-match"] === etag) return reply.code(304).send();
      return send(page, request, reply);
    });
  }
  app.get<{ Params: { readonly "*": string } }>(
    "/assets/*",
    { schema: undocumented },
    async (request, reply) => {
      const file = files.get(`assets/${request.params["*"]}`);
      if (file === undefined) {
        throw new ApiError(404, "unknown-path", "no such file of the dashboard");
      }
      reply.headers({ "cache-control": immutable, "x-content-type-options": "nosniff" });
      return send(file, request, reply);
    },
  );
}

function send(file: DashboardFile, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const encoding = chooseEncoding(file, String(request.headers["accept-encoding"] ?? ""));
  reply.type(file.type).header("vary", "accept-encoding");
  if (encoding !== null) reply.header("content-encoding", encoding);
  return reply.send(encoding === null ? file.body : file.encoded.get(encoding));
}

/**
 * Nothing inline, nothing from elsewhere, no frame around it. The one exception are connections to the other nodes of a cluster on
 * the same host, which a page whose node died goes on with.
 */
function pageHeaders({ headers }: FastifyRequest): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'self'",
    `connect-src 'self'${otherPorts(headers.host ?? "")}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ];
  return {
    "content-security-policy": policy.join("; "),
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  };
}

/** Of the host that the page came from, in any scheme that the dashboard speaks. */
function otherPorts(host: string): string {
  const name = /^([a-z0-9.-]{1,253}|\[[0-9a-f:]{2,45}\])(:\d{1,5})?$/i.exec(host)?.[1];
  if (name === undefined) return "";
  return ["http", "https", "ws", "wss"].map((scheme) => ` ${scheme}://${name}:*`).join("");
}

function hashOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
}
