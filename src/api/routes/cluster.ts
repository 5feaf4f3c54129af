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

interface StatusRequest {
  readonly Querystring: { readonly verify: boolean };
}

const statusSchema = {
  querystring: { type: "object", properties: { verify: { type: "boolean", default: false } } },
} as const;

const nameSchema = memberSchema.params.properties.nameOrId;
const transferSchema = { body: { type: "object", properties: { to: nameSchema } } } as const;
const snapshotSchema = { body: { type: "object", properties: { node: nameSchema } } } as const;

/** What the `cluster` command asks for. */
export function registerCluster(app: FastifyInstance, { node, log }: ApiContext): void {
  app.get<StatusRequest>("/api/v1/cluster", { schema: statusSchema }, async (request) =>
    request.query.verify ? node.verifyCluster() : node.clusterStatus(),
  );

  app.post<{ Body: { readonly to?: string } }>(
    "/api/v1/cluster/transfer",
    { schema: transferSchema },
    async (request) => {
      const leader = await node.transferLeadership(request.body.to ?? null);
      log.info({ leader, remote: request.ip }, "leadership transferred on request");
      return { leader };
    },
  );

  app.post<{ Body: { readonly node?: string } }>(
    "/api/v1/cluster/snapshot",
    { schema: snapshotSchema },
    async (request) => ({ nodes: await node.compactLog(request.body.node ?? null) }),
  );

  app.get<MemberRequest>(
    "/api/v1/cluster/safe-to-stop/:nameOrId",
    { schema: memberSchema },
    async (request) => {
      const { node: name, reasons } = await node.stopRisks(request.params.nameOrId);
      return { node: name, isSafe: reasons.length === 0, reasons };
    },
  );

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
