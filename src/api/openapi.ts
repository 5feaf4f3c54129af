import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import { operation, problemSchema, tags } from "./operation.ts";

export const documentPath = "/api/openapi.json";
export const pagePath = "/swagger-ui.html";

/** The page loads nothing from elsewhere, and no page may show it in a frame. Its style attributes are Swagger UI's. */
const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Collects the routes that are registered after it into an OpenAPI document. */
export function collectOperations(app: FastifyInstance, version: string): void {
  app.addSchema(problemSchema);
  app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "FlockMQ",
        version,
        description: "The same on every node of a cluster. Errors are RFC 9457 problem documents.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      servers: [{ url: "/", description: "This node" }],
      tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    },
    convertConstToEnum: false,
    refResolver: { buildLocalReference: (json) => String(json["$id"]) },
    // Fastify has no name for the rest of a path.
    transform: ({ schema, url }) => ({ schema: nameRest(schema), url: url.replace("*", ":topic") }),
  });
}

function nameRest<S extends { readonly params?: unknown } | undefined>(schema: S): S {
  const params = schema?.params as
    | { readonly properties?: Record<string, unknown>; readonly required?: readonly string[] }
    | undefined;
  const rest = params?.properties?.["*"];
  if (schema === undefined || rest === undefined) return schema;
  return { ...schema, params: { ...params, properties: { topic: rest }, required: ["topic"] } };
}

/** The document, and a page to read and try it. */
export function registerOpenApi(app: FastifyInstance): void {
  const schema = operation({
    id: "getOpenApi",
    tag: "figures",
    summary: "This document",
    answers: { 200: { description: "OpenAPI 3.1", type: "object" } },
  });
  app.get(documentPath, { schema }, async () => app.swagger());
  app.register(swaggerUi, {
    routePrefix: pagePath,
    staticCSP: pagePolicy,
    uiConfig: { url: documentPath, deepLinking: true, validatorUrl: null },
  });
}
