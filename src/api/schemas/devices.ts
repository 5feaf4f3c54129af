import { anyJson, listOf, objectOf, text, timeMs, version } from "./common.ts";

export const attributeSchema = objectOf({
  value: anyJson,
  version,
  timeMs: { ...timeMs, description: "When the leader took the write in" },
  source: { ...text, description: "Client identifier of the publisher" },
});

export const deviceSchema = objectOf({
  id: text,
  version,
  updatedAtMs: timeMs,
  attributes: { type: "object", additionalProperties: attributeSchema },
});

export const coordinatesSchema = listOf({
  ...objectOf({
    deviceId: text,
    x: { type: "number" },
    y: { type: "number" },
    timestamp: { description: "The device's own, or milliseconds of the write" },
  }),
  description: "Further fields of the device's message stay",
});
