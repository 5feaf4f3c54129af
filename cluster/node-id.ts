/**
 * The name of a node inside the cluster: 32 lower-case hex digits, the first 16 bytes of the SHA-256 of its
 * public key. It is the node's identity in the log, in the interest table and on every link. A node
 * that lost its data directory has a new key and therefore a new id; ids are never reused.
 */
export type NodeId = string;

const nodeIdPattern = /^[0-9a-f]{32}$/;

export function isNodeId(text: string): text is NodeId {
  return nodeIdPattern.test(text);
}
