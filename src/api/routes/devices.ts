import type { FastifyInstance } from "fastify";
import { type ApiContext, staleness } from "../context.ts";
import { allCoordinates } from "../coordinates.ts";
import type { DeviceState } from "../ports.ts";
import { ApiError } from "../problem.ts";
import { type ConsistencyQuery, consistencySchema, prepareRead, readSchema } from "../reading.ts";

interface ListQuery extends ConsistencyQuery {
  readonly limit: number;
  readonly after: string;
}

/** An address that others chose: what they append to it is ignored. */
const lenientSchema = {
  querystring: { type: "object", properties: { consistency: consistencySchema } },
} as const;

const listSchema = {
  querystring: {
    type: "object",
    properties: {
      limit: { type: "integer", minimum: 1, maximum: 1000, default: 100 },
      after: { type: "string", maxLength: 1024, default: "" },
      consistency: consistencySchema,
    },
    additionalProperties: false,
  },
} as const;

/** The latest state of devices. */
export function registerDevices(app: FastifyInstance, { node }: ApiContext): void {
  app.get<{ Querystring: ConsistencyQuery }>(
    "/api/coordinates",
    { schema: lenientSchema },
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
    { schema: listSchema },
    async (request, reply) => {
      await prepareRead(node, request.query, reply);
      const { after, limit } = request.query;
      const devices = node.devices.list(after, limit);
      return {
        devices: devices.map(deviceBody),
        next: devices.length < limit ? null : (devices.at(-1)?.id ?? null),
        count: node.devices.count(),
        stalenessMs: staleness(node),
      };
    },
  );

  app.get<{ Querystring: ConsistencyQuery; Params: { id: string } }>(
    "/api/v1/devices/:id",
    { schema: readSchema },
    async (request, reply) => {
      await prepareRead(node, request.query, reply);
      const device = node.devices.get(request.params.id);
      if (device === null) {
        throw new ApiError(404, "unknown-device", `no device "${request.params.id}"`);
      }
      return deviceBody(device);
    },
  );
}

function deviceBody(device: DeviceState): object {
  const attributes = [...device.attributes].map(
    ([name, { value, version, timeMs, source }]) =>
      [name, { value, version, timeMs, source }] as const,
  );
  return {
    id: device.id,
    version: device.version,
    updatedAtMs: device.updatedAtMs,
    attributes: Object.fromEntries(attributes),
  };
}
