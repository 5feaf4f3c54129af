import { isIP } from "node:net";
import { ClusterError, type ClusterErrorCode } from "../errors.ts";
import { isNodeId } from "../node-id.ts";
import type { Hello } from "./transport.ts";

/** Why a hello is refused; the code and the text travel to the refused side. */
export interface Refusal {
  readonly code: Extract<
    ClusterErrorCode,
    "wrong-secret" | "wrong-cluster" | "version-mismatch" | "unreachable" | "frame-malformed"
  >;
  readonly message: string;
}

const textLengthMax = 256;
const addressesMax = 64;

export function encodeHello(hello: Hello): Uint8Array {
  const { nodeId, name, clusterId, incarnation, version, addresses } = hello;
  const listed = addresses.slice(0, addressesMax);
  return Buffer.from(
    JSON.stringify({ nodeId, name, clusterId, incarnation, version, addresses: listed }),
  );
}

/** Throws `frame-malformed`. Fields that are not known are ignored, so that a later version may add some. */
export function decodeHello(bytes: Uint8Array): Hello {
  const fields = parseObject(bytes);
  const { nodeId, name, clusterId, incarnation, version, addresses } = fields;
  if (!isText(nodeId) || !isNodeId(nodeId)) throw malformed("nodeId");
  if (!isText(name)) throw malformed("name");
  if (clusterId !== null && !isText(clusterId)) throw malformed("clusterId");
  if (!Number.isSafeInteger(incarnation) || (incarnation as number) < 0) {
    throw malformed("incarnation");
  }
  if (!isText(version)) throw malformed("version");
  if (!Array.isArray(addresses) || addresses.length > addressesMax || !addresses.every(isText)) {
    throw malformed("addresses");
  }
  return { nodeId, name, clusterId, incarnation: incarnation as number, version, addresses };
}

/** What `local` has against a link to `remote`; null when nothing. */
export function refusalOf(local: Hello, remote: Hello): Refusal | null {
  if (remote.nodeId === local.nodeId) {
    return { code: "unreachable", message: `the peer is this node itself (${local.nodeId})` };
  }
  if (remote.clusterId === null || local.clusterId === null) return null;
  if (remote.clusterId === local.clusterId) return null;
  return {
    code: "wrong-cluster",
    message: `clusters differ: ${local.name} is in ${local.clusterId}, ${remote.name} in ${remote.clusterId}`,
  };
}

/** The major number of the protocol between nodes. Nodes of different majors never link. */
export const protocolMajor = 1;

export function versionRefusal(localMajor: number, remoteMajor: number): Refusal | null {
  if (localMajor === remoteMajor) return null;
  const message = `peer protocols differ: version ${localMajor} here, ${remoteMajor} there`;
  return { code: "version-mismatch", message };
}

/** Parses HOST:PORT, [IPv6]:PORT; null when it is neither. */
export function parseAddress(address: string): { host: string; port: number } | null {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(address.trim());
  if (!match) return null;
  const host = match[1] ?? match[2] ?? "";
  const port = Number(match[3]);
  if (port < 1 || port > 65_535 || (match[1] !== undefined && isIP(host) !== 6)) return null;
  return { host, port };
}

export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseObject(bytes: Uint8Array): Record<keyof Hello, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    if (typeof value === "object" && value !== null) return value as Record<keyof Hello, unknown>;
  } catch {
    // Falls through to the one error that the caller knows.
  }
  throw new ClusterError("frame-malformed", "the peer's hello is not a JSON object");
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= textLengthMax;
}

function malformed(field: string): ClusterError {
  return new ClusterError("frame-malformed", `the peer's hello has no usable ${field}`, { field });
}
