import { count, flag, listOf, objectOf, orNull, text, timeMs } from "./common.ts";

const clientProperties = {
  clientId: text,
  node: { ...orNull(text), description: "Where it is connected; null when it is not" },
  connected: flag,
  username: orNull(text),
  protocolVersion: { type: ["integer", "null"], description: "3, 4 (MQTT 3.1.1) or 5" },
  keepAliveSeconds: orNull(count),
  remoteAddress: orNull(text),
  connectedAtMs: orNull(timeMs),
  subscriptions: orNull(count),
  queued: { ...orNull(count), description: "Messages that wait for it" },
  stored: { ...flag, description: "Its session outlives the connection" },
} as const;

/** Null stands where only a node knows that has not answered. */
export const clientSchema = objectOf(clientProperties);

const subscriptionProperties = {
  filter: { ...text, description: "With `$share/...` if shared" },
  qos: { type: "integer", minimum: 0, maximum: 2 },
  noLocal: flag,
  retainAsPublished: flag,
  retainHandling: { type: "integer", minimum: 0, maximum: 2 },
  identifier: { ...count, description: "0 = none" },
} as const;

export const subscriptionSchema = objectOf({
  clientId: text,
  node: { ...orNull(text), description: "Where its client is connected; null when it is not" },
  ...subscriptionProperties,
});

export const unansweredSchema = {
  ...listOf(text),
  description: "Nodes that did not answer in time: what only they know is missing",
};

const willSchema = objectOf({
  topic: text,
  qos: { type: "integer", minimum: 0, maximum: 2 },
  retain: flag,
  delaySeconds: count,
});

export const clientDetailSchema = objectOf({
  ...clientProperties,
  subscriptionsList: { ...listOf(objectOf(subscriptionProperties)), description: "The first 1000" },
  inflight: { ...orNull(count), description: "Sent and not acknowledged" },
  queuedBytes: orNull(count),
  sessionExpirySeconds: orNull(count),
  will: orNull(willSchema),
  events: {
    ...listOf(objectOf({ timeMs, event: text, detail: text, node: text })),
    description: "The last of each node, oldest first",
  },
  unanswered: unansweredSchema,
});
