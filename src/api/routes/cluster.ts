import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";

interface MemberRequest {
  readonly Params: { readonly nameOrId: string };
}

const memberSchema = {
  params: {
    type: "object",
    properties: { nameOrId: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" } },
  },
} as const;

/** What `cluster status`, `cluster members` and `cluster remove` ask for. */
export function registerCluster(app: FastifyInstance, { node, log }: ApiContext): void {
  app.get("/api/v1/cluster", async () => node.clusterStatus());

  app.delete<MemberRequest>(
    "/api/v1/cluster/members/:nameOrId",
    { schema: memberSchema },
    async (request) => {
      const { nameOrId } = request.params;
      await node.removeMember(nameOrId);
      log.info({ member: nameOrId, remote: request.ip }, "member removed on request");
      return { removed: nameOrId };
    },
  );
}
