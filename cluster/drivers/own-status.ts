import type { ClusterNodeOptions } from "../cluster-node-options.ts";
import type { NodeId } from "../node-id.ts";
import type { NodeStatus } from "../status.ts";
import type { Consensus } from "./consensus.ts";
import type { InterestDriver } from "./interest-driver.ts";
import { linkStatuses } from "./link-status.ts";
import type { MemberDriver } from "./member-driver.ts";
import { roleOf } from "./status-driver.ts";

export interface OwnStatusPorts
  extends Pick<ClusterNodeOptions, "agreed" | "figures" | "version" | "clock" | "transport"> {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly startedMs: number;
  readonly consensus: Consensus;
  readonly interest: InterestDriver;
  readonly members: MemberDriver;
}

/** What this node says of itself: its digest at the index that is asked for, or at its newest when it does not hold that one. */
export function ownStatus(ports: OwnStatusPorts): (index: number) => NodeStatus {
  const { agreed, figures, version, clock, transport, nodeId, consensus, interest, members } =
    ports;
  return (index) => {
    const status = consensus.status();
    const { digests } = consensus.driver;
    const digest = digests.at(index);
    const newest = digests.newestIndex;
    return {
      name: agreed.member(nodeId)?.name ?? ports.name,
      nodeId,
      role: roleOf(status.role, status.isVoter),
      voter: status.isVoter,
      state: "up",
      term: status.term,
      lastIndex: status.lastIndex,
      commitIndex: status.commitIndex,
      appliedIndex: status.appliedIndex,
      digest: digest ?? digests.at(newest) ?? "",
      digestIndex: digest === null ? newest : index,
      routesDigest: interest.routesDigest(),
      routesCount: interest.routesCount(),
      ...figures(),
      version,
      uptimeSeconds: Math.floor((clock.monotonicMs() - ports.startedMs) / 1000),
      links: linkStatuses(transport.stats(), (other) => members.roundTripMs(other)),
    };
  };
}
