import { setImmediate } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { parseWhere } from "../../query/where.ts";
import { WhereError } from "../../query/where-error.ts";
import { type ApiContext, staleness } from "../context.ts";
import { allCoordinates } from "../coordinates.ts";
import { searchDevices } from "../device-search.ts";
import { ApiError } from "../problem.ts";
import { type ConsistencyQuery, prepareRead } from "../reading.ts";
import { deviceOperations } from "../schemas/device-operations.ts";
import { DeviceBodies } from "./device-body.ts";

interface ListQuery extends ConsistencyQuery {
  readonly limit: number;
  readonly after: string;
  readonly where?: string;
}

interface HistoryQuery extends ConsistencyQuery {
  readonly attribute: string;
  readonly limit: number;
}

interface DeviceParams {
  readonly id: string;
}

/** The latest state of devices, what it was before, and which devices an expression is true for. */
export function registerDevices(app: FastifyInstance, context: ApiContext): void {
  const { node } = context;
  app.get<{ Querystring: ConsistencyQuery }>(
    "/api/coordinates",
    { schema: deviceOperations.coordinates },
    async (request, reply) => {
      await prepareRead(node, request.query, reply);
      const { coordinates, isTruncated } = allCoordinates(node.devices);
      if (isTruncated) {
        reply.header("x-truncated", "true");
      }
      return coordinates;
    },
  );

  app.get<{ Querystring: ListQuery }>(
    "/api/v1/devices",
    { schema: deviceOperations.list },
    async (request, reply) => {
      const { where } = request.query;
      const compiled = where === undefined ? null : compileWhere(where);
      await prepareRead(node, request.query, reply);
      const { after, limit } = request.query;
      const bodies = new DeviceBodies(node);
      const rest = { count: node.devices.count(), stalenessMs: staleness(node) };
      if (compiled !== null) {
        const found = await searchDevices(node.devices, compiled, { after, limit }, setImmediate);
        const devices = found.devices.map((device) => bodies.bodyOf(device));
        return { devices, next: found.next, scanned: found.scanned, ...rest };
      }
      const page = node.devices.list(after, limit);
      const next = page.length < limit ? null : (page.at(-1)?.id ?? null);
      return { devices: page.map((device) => bodies.bodyOf(device)), next, ...rest };
    },
  );

  registerOneDevice(app, context);
}

function registerOneDevice(app: FastifyInstance, { node }: ApiContext): void {
  app.get<{ Querystring: ConsistencyQuery; Params: DeviceParams }>(
    "/api/v1/devices/:id",
    { schema: deviceOperations.one },
    async (request, reply) => {
      await prepareRead(node, request.query, reply);
      const device = node.devices.get(request.params.id);
      if (device === null) {
        throw new ApiError(404, "unknown-device", `no device "${request.params.id}"`);
      }
      return new DeviceBodies(node).bodyOf(device);
    },
  );

  app.delete<{ Params: DeviceParams }>(
    "/api/v1/devices/:id",
    { schema: deviceOperations.delete },
    async (request, reply) => {
      const { id } = request.params;
      if (!(await node.deleteDevice(id))) {
        throw new ApiError(404, "unknown-device", `no device "${id}"`);
      }
      return reply.code(204).send();
    },
  );

  app.get<{ Querystring: HistoryQuery; Params: DeviceParams }>(
    "/api/v1/devices/:id/history",
    { schema: deviceOperations.history },
    async (request, reply) => {
      await prepareRead(node, request.query, reply);
      const { id } = request.params;
      const { attribute, limit } = request.query;
      const values = node.devices.history(id, attribute, limit);
      if (values.length === 0) {
        const detail = `device "${id}" has no attribute "${attribute}"`;
        throw new ApiError(404, "unknown-attribute", detail);
      }
      return { deviceId: id, attribute, values };
    },
  );
}

function compileWhere(text: string): ReturnType<typeof parseWhere> {
  try {
    return parseWhere(text);
  } catch (error) {
    if (!(error instanceof WhereError)) throw error;
    throw new ApiError(400, "where-invalid", `where: ${error.message}`);
  }
}
