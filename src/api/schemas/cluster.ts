import { count, flag, listOf, objectOf, orNull, text } from "./common.ts";

const ports = {
  type: "object",
  additionalProperties: { type: "integer", minimum: 0, maximum: 65_535 },
} as const;

const nodeProperties = {
  name: text,
  nodeId: text,
  role: { type: "string", enum: ["leader", "follower", "learner", "candidate"] },
  voter: flag,
  state: { type: "string", enum: ["up", "suspect", "down"] },
  term: count,
  lastIndex: count,
  commitIndex: count,
  appliedIndex: count,
  digest: { type: "string", description: "Of the content at `digestIndex`, hex" },
  digestIndex: count,
  routesDigest: { type: "string", description: "Of the route table, hex" },
  routesCount: count,
  retained: count,
  devices: count,
  sessions: count,
  connections: count,
  version: text,
  uptimeSeconds: { type: "number", minimum: 0 },
  ports,
} as const;

const nodeSchema = {
  ...objectOf(nodeProperties),
  properties: { ...nodeProperties, zone: text },
} as const;

/** What `cluster status --json` prints. */
const statusProperties = {
  clusterId: text,
  inSync: flag,
  quorum: flag,
  leader: orNull(text),
  term: count,
  nodes: listOf(nodeSchema),
  reasons: listOf({ ...text, description: "Why it is not in sync" }),
} as const;

export const clusterStatusSchema = {
  ...objectOf(statusProperties),
  description: "How the members are, and whether they agree",
  properties: { ...statusProperties, verified: objectOf({ index: count, replicas: count }) },
} as const;

export const drainStateSchema = {
  description: "How far the node is with moving its clients",
  ...objectOf({
    node: text,
    phase: { type: "string", enum: ["off", "moving", "handing-over", "drained"] },
    clientsLeft: count,
    clientsMoved: count,
    problem: { ...orNull(text), description: "What keeps it from going on" },
  }),
} as const;
