import type { FastifyReply } from "fastify";
import { staleness } from "./context.ts";
import type { NodePort } from "./ports.ts";
import { ApiError } from "./problem.ts";
import { strictObject } from "./schemas/common.ts";

const barrierTimeoutMs = 5000;

export const consistencySchema = {
  type: "string",
  enum: ["local", "linearizable"],
  default: "local",
  description: "linearizable: everything acknowledged before the request, on any node, is in it",
} as const;

/** A misspelt `consistency` is refused: it would quietly be a local read. */
export const readQuery = strictObject({ consistency: consistencySchema });

export const stalenessHeaders = {
  "x-staleness-ms": {
    type: "string",
    description: "Of a local read: milliseconds by which it may be old, or `unknown`",
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
