import { anyJson, flag, listOf, objectOf, text, timeMs, version } from "./common.ts";

export const attributeSchema = objectOf({
  value: anyJson,
  version,
  timeMs: { ...timeMs, description: "When the leader took the write in" },
  source: { ...text, description: "Client identifier of the publisher; empty: this API" },
  node: { ...text, description: "Where it came in; empty where an older version wrote it" },
});

/** The replicated state ignores longer names, and NUL separates two of them in its keys. */
export const nameSchema = {
  type: "string",
  minLength: 1,
  maxLength: 1024,
  pattern: "^[^\\u0000]+$",
} as const;

const section = { type: "object", additionalProperties: true } as const;

export const shadowSchema = objectOf({
  deviceId: text,
  version: { ...version, description: "Of the last change of the shadow; 0 = there was none" },
  desired: { ...section, description: "What the device is to be" },
  reported: { ...section, description: "Its attributes" },
  delta: { ...section, description: "What of `desired` is not so" },
});

export const deviceSchema = objectOf({
  id: text,
  version,
  updatedAtMs: timeMs,
  online: { ...flag, description: "Its client is connected to some node" },
  lastSeenMs: { ...timeMs, description: "When it wrote, or its client came or went" },
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
