import type { AgreedState } from "../agreed/agreed-state.ts";
import { encodeMemberRecord } from "../agreed/member-record.ts";
import type { ClusterNodeOptions } from "../cluster-node-options.ts";
import { nodeRemoved } from "../errors.ts";
import type { NodeId } from "../node-id.ts";
import type { Configuration } from "../raft/types.ts";
import { CommandTag } from "../wire/batch-codec.ts";
import type { ProposalDriver } from "./proposal-driver.ts";

const announceTimeoutMs = 60_000;

export interface OwnMembershipPorts
  extends Pick<ClusterNodeOptions, "transport" | "log" | "onFatal" | "remember" | "zone"> {
  readonly agreed: AgreedState;
  readonly nodeId: NodeId;
  readonly name: string;
  readonly clusterId: string;
  readonly proposals: ProposalDriver;
}

/** This node as the members know it: whether it is one of them, what it tells them of itself, what it keeps for its next start. */
export class OwnMembership {
  readonly #ports: OwnMembershipPorts;
  #isSeen: boolean;
  #isRemovalTold = false;
  #isStopped = false;

  constructor(ports: OwnMembershipPorts) {
    this.#ports = ports;
    this.#isSeen = ports.agreed.member(ports.nodeId) !== null;
  }

  /** Whether it has seen itself among the members; it stays true for one that is removed later. */
  get isSeen(): boolean {
    return this.#isSeen;
  }

  stop(): void {
    this.#isStopped = true;
  }

  configured(configuration: Configuration): void {
    const { agreed, log, nodeId } = this.#ports;
    if (agreed.member(nodeId) !== null) {
      if (!this.#isSeen) log.info({ voters: configuration.voters.length }, "member now");
      this.#isSeen = true;
    } else if (agreed.wasRemoved(nodeId)) this.removed();
    this.remember(configuration);
  }

  /** Others say, or the log does, that this node is no member any more: it ends, once. */
  removed(): void {
    if (this.#isStopped || this.#isRemovalTold) return;
    this.#isRemovalTold = true;
    this.#ports.onFatal(nodeRemoved(this.#ports.name));
  }

  remember({ voters }: Configuration): void {
    const { agreed, remember, nodeId, name, clusterId } = this.#ports;
    if (agreed.member(nodeId) === null) return;
    const others = agreed.members().filter((member) => member.nodeId !== nodeId);
    remember({
      clusterId,
      nodeId,
      name,
      isOnlyVoter: voters.length === 1 && voters[0] === nodeId,
      addresses: others.flatMap((member) => member.addresses),
    });
  }

  /** Tells the others where this node is now, once it is a member; without a leader it asks again and again. */
  async announce(): Promise<void> {
    const { transport, zone = null, nodeId, name, proposals } = this.#ports;
    const self = { nodeId, name, addresses: transport.addresses() };
    const record = zone === null ? self : { ...self, zone };
    const command = { tag: CommandTag.memberRecord, bytes: encodeMemberRecord(record) };
    for (;;) {
      const outcome = await proposals.proposeInternal(command, announceTimeoutMs);
      if (outcome.status !== "unknown" || outcome.reason !== "timeout") return;
    }
  }
}
