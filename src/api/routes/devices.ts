import type { FastifyInstance } from "fastify";
import { type ApiContext, staleness } from "../context.ts";
import { allCoordinates } from "../coordinates.ts";
import { operation } from "../operation.ts";
import type { DeviceState } from "../ports.ts";
import { ApiError } from "../problem.ts";
import {
  type ConsistencyQuery,
  consistencySchema,
  prepareRead,
  readQuery,
  stalenessHeaders,
} from "../reading.ts";
import {
  afterSchema,
  answerOf,
  count,
  limitSchema,
  listOf,
  nextSchema,
  stalenessSchema,
  strictObject,
} from "../schemas/common.ts";
import { coordinatesSchema, deviceSchema } from "../schemas/devices.ts";

interface ListQuery extends ConsistencyQuery {
  readonly limit: number;
  readonly after: string;
}

const schemas = {
  coordinates: operation({
    id: "getCoordinates",
    tag: "devices",
    summary: "Where every device is",
    // An address that others chose: what they append to it is ignored.
    querystring: { type: "object", properties: { consistency: consistencySchema } },
    answers: {
      200: {
        ...coordinatesSchema,
        description: "Devices without a position are left out",
        headers: {
          ...stalenessHeaders,
          "x-truncated": { type: "string", description: "`true` beyond 100,000 devices" },
        },
      },
    },
  }),
  list: operation({
    id: "listDevices",
    tag: "devices",
    summary: "State of all devices, page by page, sorted by identifier",
    querystring: strictObject({
      limit: limitSchema,
      after: { ...afterSchema, maxLength: 1024 },
      consistency: consistencySchema,
    }),
    answers: {
      200: {
        ...answerOf("One page", {
          devices: listOf(deviceSchema),
          next: nextSchema,
          count: { ...count, description: "Of all devices" },
          stalenessMs: stalenessSchema,
        }),
        headers: stalenessHeaders,
      },
    },
  }),
  one: operation({
    id: "getDevice",
    tag: "devices",
    summary: "State of one device",
    querystring: readQuery,
    params: strictObject({ id: { type: "string", minLength: 1 } }, ["id"]),
    answers: { 200: { ...deviceSchema, description: "Its state", headers: stalenessHeaders } },
    problems: [404],
  }),
};

/** The latest state of devices. */
export function registerDevices(app: FastifyInstance, { node }: ApiContext): void {
  app.get<{ Querystring: ConsistencyQuery }>(
    "/api/coordinates",
    { schema: schemas.coordinates },
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
    { schema: schemas.list },
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
    { schema: schemas.one },
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

export function deviceBody(device: DeviceState): object {
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
