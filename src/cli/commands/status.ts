import type { ClusterStatus, NodeStatus } from "#cluster";
import { CliError } from "../cli-error.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { fetchStatus, type NodeLocation } from "../node-client.ts";
import { formatTable } from "../table.ts";
import type { Terminal } from "../terminal.ts";

const pollMs = 250;

export interface StatusRequest extends NodeLocation {
  readonly isJson: boolean;
  /** Every replica makes its digest anew from its records on disk. */
  readonly isVerifying: boolean;
  /** How long to wait for the cluster to be in sync; 0 = look once. */
  readonly waitSeconds: number;
}

/** Prints the status and answers 0 only when the nodes prove that they agree. */
export async function showStatus(request: StatusRequest, terminal: Terminal): Promise<ExitCode> {
  const { url, status } = await waitForSync(request, terminal);
  if (request.isJson) {
    terminal.out(JSON.stringify(status));
  } else {
    terminal.out(describeStatus(status, url));
  }
  return status.inSync ? exitCodes.ok : exitCodes.notInSync;
}

async function waitForSync(
  request: StatusRequest,
  terminal: Terminal,
): Promise<{ url: string; status: ClusterStatus }> {
  const deadlineMs = terminal.monotonicMs() + request.waitSeconds * 1000;
  for (;;) {
    const answer = await fetchStatus(request, request.isVerifying).catch((error: unknown) => {
      if (error instanceof CliError && error.exitCode === exitCodes.unreachable) {
        return error;
      }
      throw error;
    });
    const isFinal = !(answer instanceof CliError) && answer.status.inSync;
    if (isFinal || terminal.monotonicMs() + pollMs > deadlineMs) {
      if (answer instanceof CliError) {
        throw answer;
      }
      return answer;
    }
    await terminal.sleep(pollMs);
  }
}

export function describeStatus(status: ClusterStatus, url: string): string {
  const head =
    `cluster ${status.clusterId}  term ${status.term}  leader ${status.leader ?? "none"}  ` +
    `quorum ${status.quorum ? "yes" : "NO"}  (asked ${url})`;
  const header = [
    "NODE",
    "ROLE",
    "STATE",
    "TERM",
    "APPLIED",
    "COMMIT",
    "LAST",
    "DIGEST",
    "AT",
    "ROUTES",
    "DIGEST",
    "RETAINED",
    "DEVICES",
    "SESSIONS",
    "CONNS",
    "MQTT",
    "HTTP",
  ];
  const verdict = status.inSync
    ? `IN SYNC: ${countOf(status.nodes.length, "node")} with the same content and the same routes${proofOf(status)}`
    : ["NOT IN SYNC", ...status.reasons.map((reason) => `  - ${reason}`)].join("\n");
  return [head, formatTable(header, status.nodes.map(row)), verdict].join("\n");
}

function proofOf({ verified }: ClusterStatus): string {
  if (verified === undefined) return "";
  const replicas = countOf(verified.replicas, "replica");
  return `; the disks of ${replicas} hold it, as of index ${verified.index}`;
}

function row(node: NodeStatus): readonly (string | number)[] {
  return [
    node.name,
    node.role,
    node.state,
    node.term,
    node.appliedIndex,
    node.commitIndex,
    node.lastIndex,
    node.digest.slice(0, 8),
    node.digestIndex,
    node.routesCount,
    node.routesDigest.slice(0, 8),
    node.retained,
    node.devices,
    node.sessions,
    node.connections,
    node.ports["mqtt"] ?? "-",
    node.ports["http"] ?? "-",
  ];
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
