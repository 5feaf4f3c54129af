import type { FastifyReply } from "fastify";
import { staleness } from "./context.ts";
import type { NodePort } from "./ports.ts";
import { ApiError } from "./problem.ts";

const barrierTimeoutMs = 5000;

export const consistencySchema = {
  type: "string",
  enum: ["local", "linearizable"],
  default: "local",
} as const;

/** A misspelt `consistency` is refused: it would quietly be a local read. */
export const readSchema = {
  querystring: {
    type: "object",
    properties: { consistency: consistencySchema },
    additionalProperties: false,
  },
} as const;

export interface ConsistencyQuery {
  readonly consistency: "local" | "linearizable";
}

/**
 * Before a read: waits until it is safe if the caller asked for a linearizable one, and says how old the local copy may
 * be if not.
 */
export async function prepareRead(
  node: NodePort,
  query: ConsistencyQuery,
  reply: FastifyReply,
): Promise<void> {
  if (query.consistency === "linearizable") {
    const outcome = await node.readBarrier(barrierTimeoutMs);
    if (outcome === "overloaded") {
      throw new ApiError(503, "overloaded", "too many linearizable reads wait; try again later");
    }
    if (outcome !== "ok") {
      throw new ApiError(
        503,
        "no-quorum",
        "no majority of voters answers: only consistency=local is possible",
      );
    }
  } else {
    reply.header("x-staleness-ms", staleness(node) ?? "unknown");
  }
}
