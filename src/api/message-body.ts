import type { PublishProperties, Qos } from "../mqtt/packets.ts";
import { topicNameProblem } from "../mqtt/topic.ts";
import type { PublishRequest } from "./ports.ts";
import { ApiError } from "./problem.ts";
import { anyJson, strictObject } from "./schemas/common.ts";

/** A message as JSON. */
export interface MessageBody {
  readonly topic: string;
  /** Text as it stands; any other value as JSON. */
  readonly payload?: unknown;
  readonly payloadBase64?: string;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly properties?: PropertiesBody;
}

interface PropertiesBody {
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationDataBase64?: string;
  readonly messageExpirySeconds?: number;
  readonly isUtf8?: boolean;
  readonly userProperties?: Readonly<Record<string, string | readonly string[]>>;
}

/** A two-byte length in UTF-8, and no NUL [MQTT-1.5.4-2]. */
const mqttText = { type: "string", maxLength: 16_383, pattern: "^[^\\u0000]*$" } as const;
const base64 = {
  type: "string",
  pattern: "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
  contentEncoding: "base64",
} as const;

export const propertiesSchema = strictObject({
  contentType: mqttText,
  responseTopic: { ...mqttText, minLength: 1 },
  correlationDataBase64: { ...base64, maxLength: 87_380 },
  messageExpirySeconds: { type: "integer", minimum: 0, maximum: 4_294_967_295 },
  isUtf8: { type: "boolean", description: "Payload Format Indicator" },
  userProperties: {
    type: "object",
    maxProperties: 64,
    propertyNames: mqttText,
    additionalProperties: {
      anyOf: [mqttText, { type: "array", items: mqttText, maxItems: 64 }],
    },
  },
});

export const messageSchema = strictObject(
  {
    topic: { type: "string", minLength: 1, maxLength: 65_535 },
    payload: { ...anyJson, description: "Text as it stands, any other value as JSON" },
    payloadBase64: { ...base64, description: "Instead of `payload`, for bytes" },
    qos: { type: "integer", enum: [0, 1, 2], default: 1 },
    retain: { type: "boolean", default: false },
    properties: { ...propertiesSchema, description: "Of MQTT 5, passed on to subscribers" },
  },
  ["topic"],
);

/** `where` is the place of the message in the body, for refusals. Throws ApiError. */
export function publishRequestOf(message: MessageBody, where = "body"): PublishRequest {
  const { topic, qos, retain, properties } = message;
  const problem = topicNameProblem(topic);
  if (problem !== null) throw new ApiError(400, "topic-invalid", `${where}/topic: ${problem}`);
  const payload = payloadOf(message, where);
  return { topic, payload, qos, retain, properties: propertiesOf(properties, where) };
}

function payloadOf({ payload, payloadBase64 }: MessageBody, where: string): Buffer {
  if (payloadBase64 !== undefined) {
    if (payload === undefined) return Buffer.from(payloadBase64, "base64");
    throw new ApiError(400, "request-invalid", `${where}: payload or payloadBase64, not both`);
  }
  return bytesOf(payload);
}

/** Text as it stands, nothing as nothing, any other value as JSON. */
export function bytesOf(payload: unknown): Buffer {
  if (payload === undefined) return Buffer.alloc(0);
  return Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload), "utf8");
}

function propertiesOf(body: PropertiesBody | undefined, where: string): PublishProperties | null {
  if (body === undefined) return null;
  const { contentType, responseTopic, correlationDataBase64, messageExpirySeconds } = body;
  const problem = responseTopic === undefined ? null : topicNameProblem(responseTopic);
  if (problem !== null) {
    throw new ApiError(400, "topic-invalid", `${where}/properties/responseTopic: ${problem}`);
  }
  const properties: PublishProperties = {};
  if (contentType !== undefined) properties.contentType = contentType;
  if (responseTopic !== undefined) properties.responseTopic = responseTopic;
  if (correlationDataBase64 !== undefined) {
    properties.correlationData = Buffer.from(correlationDataBase64, "base64");
  }
  if (messageExpirySeconds !== undefined) properties.messageExpiryInterval = messageExpirySeconds;
  if (body.isUtf8 !== undefined) properties.payloadFormatIndicator = body.isUtf8;
  const { userProperties } = body;
  if (userProperties !== undefined) {
    properties.userProperties = Object.entries(userProperties).flatMap(([name, value]) =>
      [value].flat().map((text) => [name, text] as const),
    );
  }
  return properties;
}
