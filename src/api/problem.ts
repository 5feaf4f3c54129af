import { STATUS_CODES } from "node:http";
import type { FastifyError, FastifyReply } from "fastify";

/** A refusal that the API itself decided on. */
export class ApiError extends Error {
  readonly statusCode: number;
  readonly code: string;

  constructor(statusCode: number, code: string, message: string) {
    super(message);
    this.name = "ApiError";
    this.statusCode = statusCode;
    this.code = code;
  }
}

/** RFC 9457. `code` is ours: stable, for programs to switch on. */
export interface Problem {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
}

export function problem(status: number, code: string, detail: string): Problem {
  return { type: "about:blank", title: STATUS_CODES[status] ?? "Error", status, detail, code };
}

/** What refusals of the broker and the cluster are in HTTP. All that is not listed is our own failure. */
const statusOfCode: Readonly<Record<string, number>> = {
  "topic-invalid": 400,
  "not-authorized": 403,
  "unknown-node": 404,
  "change-refused": 409,
  "version-conflict": 412,
  "too-large": 413,
  "no-quorum": 503,
  "not-leader": 503,
  overloaded: 503,
  "queue-full": 503,
  stopped: 503,
  timeout: 503,
  unreachable: 503,
};

/** The codes of Fastify that a client can cause. */
const codeOfFastify: Readonly<Record<string, string>> = {
  FST_ERR_VALIDATION: "request-invalid",
  FST_ERR_CTP_INVALID_JSON_BODY: "body-not-json",
  FST_ERR_CTP_EMPTY_JSON_BODY: "body-not-json",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "media-type-unsupported",
  FST_ERR_CTP_BODY_TOO_LARGE: "body-too-large",
  FST_ERR_BAD_URL: "url-invalid",
};

/** Never lets an unexpected error's text out: it may name paths or peers. */
export function problemOf(error: unknown): Problem {
  const { code = "", statusCode, message } = error as Partial<FastifyError>;
  if (error instanceof ApiError) {
    return problem(error.statusCode, error.code, error.message);
  }
  const status = statusOfCode[code];
  if (status !== undefined) {
    return problem(status, code, message ?? code);
  }
  const isClientFault = statusCode !== undefined && statusCode >= 400 && statusCode < 500;
  if (isClientFault) {
    return problem(statusCode, codeOfFastify[code] ?? "request-invalid", message ?? "");
  }
  return problem(500, "internal", "the node failed to answer; its log says why");
}

export function sendProblem(reply: FastifyReply, body: Problem): FastifyReply {
  return reply.code(body.status).type("application/problem+json").send(body);
}
