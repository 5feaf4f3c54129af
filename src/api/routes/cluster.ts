import type { FastifyInstance } from "fastify";
import { clientsPerSecondMax } from "../../drain-requests.ts";
import type { ApiContext } from "../context.ts";
import { operation } from "../operation.ts";
import { clusterStatusSchema, drainStateSchema } from "../schemas/cluster.ts";
import {
  answerOf,
  count,
  flag,
  listOf,
  objectOf,
  orNull,
  strictObject,
  text,
} from "../schemas/common.ts";

interface MemberRequest {
  readonly Params: { readonly nameOrId: string };
}

interface StatusRequest {
  readonly Querystring: { readonly verify: boolean };
}

interface MembersRequest {
  readonly Params: { readonly namesOrIds: string };
}

const nameSchema = {
  type: "string",
  pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
  description: "Name or id of a member",
} as const;

const memberParams = strictObject({ nameOrId: nameSchema }, ["nameOrId"]);

/** Several members, to be stopped together, are separated by commas. */
const membersParams = strictObject(
  {
    namesOrIds: {
      type: "string",
      maxLength: 1024,
      pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(,[A-Za-z0-9][A-Za-z0-9._-]{0,62})*$",
      description: "One, or several separated by commas",
    },
  },
  ["namesOrIds"],
);

// Misspelt fields are refused: without them the request would concern another node, or all.
const schemas = {
  status: operation({
    id: "getClusterStatus",
    tag: "cluster",
    summary: "Members, leadership, and whether all replicas agree",
    querystring: strictObject({
      verify: {
        type: "boolean",
        default: false,
        description: "Every replica makes its digest anew from its disk",
      },
    }),
    answers: { 200: clusterStatusSchema },
  }),
  transfer: operation({
    id: "transferLeadership",
    tag: "cluster",
    summary: "Hand leadership to a voter",
    body: strictObject({ to: { ...nameSchema, description: "The best voter when left out" } }),
    answers: { 200: answerOf("It leads now", { leader: text }) },
    problems: [404, 409],
  }),
  snapshot: operation({
    id: "cutLog",
    tag: "cluster",
    summary: "Cut the log of one node, or of all",
    body: strictObject({ node: { ...nameSchema, description: "All when left out" } }),
    answers: {
      200: answerOf("Where the log of each begins now", {
        nodes: listOf(objectOf({ name: text, index: orNull(count) })),
      }),
    },
    problems: [404, 409],
  }),
  safeToStop: operation({
    id: "checkSafeToStop",
    tag: "cluster",
    summary: "What stopping these nodes at the same time would cost",
    params: membersParams,
    answers: {
      200: answerOf("Safe, or why not", {
        nodes: listOf(text),
        isSafe: flag,
        reasons: listOf(text),
      }),
    },
    problems: [404],
  }),
  remove: operation({
    id: "removeMember",
    tag: "cluster",
    summary: "Remove a node for good",
    params: memberParams,
    answers: { 200: answerOf("Committed", { removed: text }) },
    problems: [404, 409],
  }),
  drain: operation({
    id: "drainNode",
    tag: "cluster",
    summary: "Move the clients of a node to the others, then its leadership",
    body: strictObject(
      {
        node: nameSchema,
        clientsPerSecond: {
          type: "number",
          minimum: 1,
          maximum: clientsPerSecondMax,
          default: 500,
        },
      },
      ["node"],
    ),
    answers: { 200: drainStateSchema },
    problems: [404, 409],
  }),
  drainState: operation({
    id: "getDrainState",
    tag: "cluster",
    summary: "How far draining is",
    params: memberParams,
    answers: { 200: drainStateSchema },
    problems: [404, 409],
  }),
  cancelDrain: operation({
    id: "cancelDrain",
    tag: "cluster",
    summary: "Let a node take clients again",
    params: memberParams,
    answers: { 200: drainStateSchema },
    problems: [404, 409],
  }),
};

interface DrainBody {
  readonly node: string;
  readonly clientsPerSecond: number;
}

/** Empties a node before it is stopped; any node may be asked. */
function registerDrain(app: FastifyInstance, { node, log }: ApiContext): void {
  app.post<{ Body: DrainBody }>(
    "/api/v1/cluster/drain",
    { schema: schemas.drain },
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
    { schema: schemas.drainState },
    async (request) => node.drainState(request.params.nameOrId),
  );

  app.delete<MemberRequest>(
    "/api/v1/cluster/drain/:nameOrId",
    { schema: schemas.cancelDrain },
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
  app.get<StatusRequest>("/api/v1/cluster", { schema: schemas.status }, async (request) =>
    request.query.verify ? node.verifyCluster() : node.clusterStatus(),
  );

  app.post<{ Body: { readonly to?: string } }>(
    "/api/v1/cluster/transfer",
    { schema: schemas.transfer },
    async (request) => {
      const leader = await node.transferLeadership(request.body.to ?? null);
      log.info({ leader, remote: request.ip }, "leadership transferred on request");
      return { leader };
    },
  );

  app.post<{ Body: { readonly node?: string } }>(
    "/api/v1/cluster/snapshot",
    { schema: schemas.snapshot },
    async (request) => ({ nodes: await node.compactLog(request.body.node ?? null) }),
  );

  app.get<MembersRequest>(
    "/api/v1/cluster/safe-to-stop/:namesOrIds",
    { schema: schemas.safeToStop },
    async (request) => {
      const risks = await node.stopRisks(request.params.namesOrIds.split(","));
      return { nodes: risks.nodes, isSafe: risks.reasons.length === 0, reasons: risks.reasons };
    },
  );

  app.delete<MemberRequest>(
    "/api/v1/cluster/members/:nameOrId",
    { schema: schemas.remove },
    async (request) => {
      const { nameOrId } = request.params;
      await node.removeMember(nameOrId);
      log.info({ member: nameOrId, remote: request.ip }, "member removed on request");
      return { removed: nameOrId };
    },
  );
}
