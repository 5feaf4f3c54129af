import type { NodeId } from "#cluster";
import { encodeCommand } from "../replica/commands.ts";
import type { BrokerContext } from "./context.ts";

const tickMs = 250;

/**
 * What only the leader's node says, so that it is said once: that a node is down, which ends the connections it had, and that time
 * has passed, when something in the log waits for it. Both are harmless when two say them.
 */
export class ClusterWatch {
  readonly #context: BrokerContext;
  /** Node -> the incarnation that the log was told is down. */
  readonly #told = new Map<NodeId, number>();
  #isTicking = false;
  #isStopped = false;

  constructor(context: BrokerContext) {
    this.#context = context;
  }

  start(): void {
    this.#context.cluster.onMembersChanged(() => this.#lookForDown());
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #arm(): void {
    this.#context.wheel.after(tickMs, () => {
      if (this.#isStopped) return;
      this.#tickIfDue();
      this.#lookForDown();
      this.#arm();
    });
  }

  get #isLeader(): boolean {
    return this.#context.cluster.members().some(({ isSelf, isLeader }) => isSelf && isLeader);
  }

  #tickIfDue(): void {
    const { cluster, replica, clock, limits } = this.#context;
    if (this.#isTicking || replica.nextDueMs() > clock.wallMs() || !this.#isLeader) return;
    this.#isTicking = true;
    cluster.propose(encodeCommand({ type: "tick" }), limits.commitTimeoutMs, (outcome) => {
      this.#isTicking = false;
      // Each command ends a bounded number: where more are due, the next follows at once.
      if (outcome.status === "applied" && !this.#isStopped) this.#tickIfDue();
    });
  }

  #lookForDown(): void {
    if (!this.#isLeader) return;
    const { cluster, replica, limits, log } = this.#context;
    for (const { nodeId, name, state } of cluster.members()) {
      if (state !== "down") {
        // When it is lost again, its connections since then end again.
        if (state === "up") this.#told.delete(nodeId);
        continue;
      }
      const incarnation = replica.incarnationOf(nodeId);
      if (this.#told.get(nodeId) === incarnation) continue;
      this.#told.set(nodeId, incarnation);
      log.warn({ node: name }, "a node is down: its connections have ended, their Wills are due");
      const command = encodeCommand({ type: "node-down", nodeId, incarnation });
      cluster.propose(command, limits.commitTimeoutMs, (outcome) => {
        if (outcome.status !== "applied") this.#told.delete(nodeId);
      });
    }
  }
}
