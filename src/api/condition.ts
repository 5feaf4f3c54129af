import type { FastifyReply, FastifyRequest } from "fastify";
import { BrokerError } from "../broker/errors.ts";
import { ApiError } from "./problem.ts";

/** In the document. They are read by `expectedVersion`, which gives the clearer error. */
export const conditionHeaders = {
  type: "object",
  properties: {
    "if-match": { type: "string", description: 'Only while the version is this: `"31"`' },
    "if-none-match": { type: "string", description: "`*`: only while there is nothing" },
  },
} as const;

export const etagHeaders = {
  etag: { type: "string", description: "The version, in quotes" },
} as const;

/** Entity tags are versions, and versions are log indexes: equal on every node, and never used twice for one resource. */
export function sendVersion(reply: FastifyReply, version: number): void {
  reply.header("etag", `"${version}"`);
}

/**
 * The version that the caller demands (RFC 9110, 13.1): `If-Match: "12"`, or `If-None-Match: *` for "nothing there yet" (0).
 * Undefined when it demands nothing. Throws ApiError for a demand that could not be decided by one version, and for a tag that
 * no resource ever had: tags are compared byte by byte, so that "0" and "012" must not pass for the numbers.
 */
export function expectedVersion({ headers }: FastifyRequest): number | undefined {
  const match = headers["if-match"];
  const noneMatch = headers["if-none-match"];
  if (match === undefined && noneMatch === undefined) return undefined;
  if (match === undefined && noneMatch === "*") return 0;
  const version = Number(/^"([1-9]\d{0,15})"$/.exec(match ?? "")?.[1] ?? Number.NaN);
  if (noneMatch !== undefined || !Number.isSafeInteger(version)) {
    throw new ApiError(
      400,
      "request-invalid",
      'expected one of If-Match: "VERSION" and If-None-Match: *',
    );
  }
  return version;
}

/** Passes a refusal on, with the version that stood in the way as entity tag. */
export function refuseWithVersion(error: unknown, reply: FastifyReply): never {
  if (error instanceof BrokerError && error.code === "version-conflict") {
    const { currentVersion } = error.details;
    if (typeof currentVersion === "number" && currentVersion > 0) {
      sendVersion(reply, currentVersion);
    }
  }
  throw error;
}
