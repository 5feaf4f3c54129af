import { isUtf8 } from "node:buffer";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import type { FastifyInstance, FastifySchemaValidationError } from "fastify";
import { ApiError } from "./problem.ts";

// What a schema does not know is refused where the schema says so, and not taken out in silence.
const common = {
  useDefaults: true,
  removeAdditional: false,
  strict: false,
  validateFormats: false,
};
/** In an address everything is text. */
const ofAddresses = new Ajv2020({ ...common, coerceTypes: true });
/** In JSON a number is a number. */
const ofBodies = new Ajv2020(common);

/** Requests are checked by the schemas of the document; answers are written as they are, and checked by tests only. */
export function useSchemas(app: FastifyInstance): void {
  app.setValidatorCompiler(({ schema, httpPart }): ValidateFunction => {
    return (httpPart === "body" ? ofBodies : ofAddresses).compile(schema as object);
  });
  // A serializer made from the schema would drop fields that it does not know, and is no faster for these shapes.
  app.setSerializerCompiler(() => JSON.stringify);
  app.setSchemaErrorFormatter(
    (errors, part) => new Error(errors.map((e) => say(e, part)).join("; ")),
  );
  checkTexts(app);
}

/** Names the field, and what would be right. */
function say(error: FastifySchemaValidationError, part: string): string {
  const { instancePath, message, params } = error as ErrorObject;
  const where = `${part}${instancePath}`;
  const { additionalProperty: unknown, allowedValues, pattern } = params;
  if (unknown !== undefined) return `${where}: unknown field "${unknown}"`;
  if (allowedValues !== undefined) return `${where}: expected one of ${allowedValues.join(", ")}`;
  if (pattern !== undefined) return `${where}: expected text like ${pattern}`;
  return `${where} ${message ?? "is wrong"}`;
}

/** Bytes that are no UTF-8 would quietly become other names and values. */
function checkTexts(app: FastifyInstance): void {
  app.addHook("onRequest", async ({ url }) => {
    const query = url.indexOf("?");
    if (query < 0 || !url.includes("%", query)) return;
    try {
      decodeURIComponent(url.slice(query));
    } catch {
      throw new ApiError(400, "url-invalid", "the query is not percent-encoded UTF-8");
    }
  });
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeContentTypeParser("application/json");
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body, done) => {
    if (!Buffer.isBuffer(body) || !isUtf8(body)) {
      done(new ApiError(400, "body-not-json", "the body is not UTF-8"), undefined);
    } else {
      void parse(request, body.toString("utf8"), done);
    }
  });
}
