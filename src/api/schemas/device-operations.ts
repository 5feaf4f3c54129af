import { whereLimits } from "../../query/where.ts";
import { operation } from "../operation.ts";
import { consistencySchema, readQuery, stalenessHeaders } from "../reading.ts";
import {
  afterSchema,
  answerOf,
  anyJson,
  count,
  limitSchema,
  listOf,
  nextSchema,
  nothing,
  objectOf,
  stalenessSchema,
  strictObject,
  text,
  timeMs,
  version,
} from "./common.ts";
import { coordinatesSchema, deviceSchema, nameSchema, shadowSchema } from "./devices.ts";

const params = strictObject({ id: nameSchema }, ["id"]);

export const deviceOperations = {
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
    summary: "State of all devices, or of those that an expression is true for, page by page",
    querystring: strictObject({
      limit: limitSchema,
      after: { ...afterSchema, maxLength: 1024 },
      where: {
        ...{ type: "string", minLength: 1, maxLength: whereLimits.whereLengthMax },
        description: "Such as `motorRPM > 1500 && battery < 20`; see docs/api.md",
      },
      consistency: consistencySchema,
    }),
    answers: {
      200: {
        description: "One page, sorted by identifier",
        type: "object",
        required: ["devices", "next", "count", "stalenessMs"],
        properties: {
          devices: listOf(deviceSchema),
          next: nextSchema,
          scanned: { ...count, description: "With `where`: devices that were looked at" },
          count: { ...count, description: "Of all devices" },
          stalenessMs: stalenessSchema,
        },
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
  delete: operation({
    id: "deleteDevice",
    tag: "devices",
    summary: "Forget everything that is known of a device",
    params,
    answers: { 204: nothing("Gone") },
    problems: [404],
  }),
  history: operation({
    id: "getHistory",
    tag: "devices",
    summary: "What this node remembers of an attribute, the oldest first",
    params,
    querystring: strictObject(
      { attribute: nameSchema, limit: limitSchema, consistency: consistencySchema },
      ["attribute"],
    ),
    answers: {
      200: {
        ...answerOf("Its last values, the current one included", {
          deviceId: text,
          attribute: text,
          values: listOf(objectOf({ value: anyJson, version, timeMs })),
        }),
        headers: stalenessHeaders,
      },
    },
    problems: [404],
  }),
  shadow: operation({
    id: "getShadow",
    tag: "devices",
    summary: "What a device is to be, what it says it is, and the difference",
    params,
    querystring: readQuery,
    answers: { 200: { ...shadowSchema, description: "Its shadow", headers: stalenessHeaders } },
    problems: [404],
  }),
  setDesired: operation({
    id: "setDesired",
    tag: "devices",
    summary: "Merge into what a device is to be; null takes a field away",
    params,
    body: strictObject(
      {
        state: { type: ["object", "null"], description: "Null empties it" },
        version: { ...count, description: "Done only if the shadow has it; 0 = there is none" },
      },
      ["state"],
    ),
    answers: { 200: { ...shadowSchema, description: "Committed" } },
    problems: [409],
  }),
};
