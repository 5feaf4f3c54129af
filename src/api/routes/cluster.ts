import type { FastifyInstance } from "fastify";
import { clientsPerSecondMax } from "../../drain-requests.ts";
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
  querystring: {
    type: "object",
    properties: { verify: { type: "boolean", default: false } },
    additionalProperties: false,
  },
} as const;

/** Several members, to be stopped together, are separated by commas. */
const membersSchema = {
  params: {
    type: "object",
    properties: {
      namesOrIds: {
        type: "string",
        maxLength: 1024,
        pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(,[A-Za-z0-9][A-Za-z0-9._-]{0,62})*$",
      },
    },
  },
} as const;

interface MembersRequest {
  readonly Params: { readonly namesOrIds: string };
}

const nameSchema = memberSchema.params.properties.nameOrId;
/** A misspelt field is refused: without it the request would concern another node, or all. */
function bodySchema<Properties>(properties: Properties) {
  return { body: { type: "object", properties, additionalProperties: false } } as const;
}

const transferSchema = bodySchema({ to: nameSchema });
const snapshotSchema = bodySchema({ node: nameSchema });

const drainSchema = {
  body: {
    type: "object",
    properties: {
      node: nameSchema,
      clientsPerSecond: { type: "number", minimum: 1, maximum: clientsPerSecondMax, default: 500 },
    },
    required: ["node"],
    additionalProperties: false,
  },
} as const;

interface DrainBody {
  readonly node: string;
  readonly clientsPerSecond: number;
}

/** Empties a node before it is stopped; any node may be asked. */
function registerDrain(app: FastifyInstance, { node, log }: ApiContext): void {
  app.post<{ Body: DrainBody }>(
    "/api/v1/cluster/drain",
    { schema: drainSchema },
    async (request) => {
      const { node: nameOrId, clientsPerSecond } = request.body;
      const state = await node.drain(nameOrId, clientsPerSecond);
      const fields = { member: state.node, clientsPerSecond, remote: request.ip };
      log.info(fields, "draining a node on request");
      return state;
    },
  );

  app.get<MemberRequest>(
    "/api/v1/cluster/drain/:nameOrId",
    { schema: memberSchema },
    async (request) => node.drainState(request.params.nameOrId),
  );

  app.delete<MemberRequest>(
    "/api/v1/cluster/drain/:nameOrId",
    { schema: memberSchema },
    async (request) => {
      const state = await node.cancelDrain(request.params.nameOrId);
      log.info({ member: state.node, remote: request.ip }, "a drain was cancelled on request");
      return state;
    },
  );
}

/** What the `cluster` command asks for. */
export function registerCluster(app: FastifyInstance, context: ApiContext): void {
  const { node, log } = context;
  registerDrain(app, context);
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

  app.get<MembersRequest>(
    "/api/v1/cluster/safe-to-stop/:namesOrIds",
    { schema: membersSchema },
    async (request) => {
      const risks = await node.stopRisks(request.params.namesOrIds.split(","));
      return { nodes: risks.nodes, isSafe: risks.reasons.length === 0, reasons: risks.reasons };
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
