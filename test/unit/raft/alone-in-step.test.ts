import { describe, expect, test } from "vitest";
import { decodeConfigChange } from "../../../cluster/raft/config-change-codec.ts";
import { Raft } from "../../../cluster/raft/raft.ts";
import type { Ready, StorageWrite } from "../../../cluster/raft/ready.ts";
import { EntryType, type MembershipStep } from "../../../cluster/raft/types.ts";
import { configurationOf, nodeIdOf, optionsOf } from "../../support/raft/nodes.ts";

/** Node 1 with a disk and a state machine that do their work only when told. */
class LoneNode {
  readonly raft: Raft;
  readonly #writes: StorageWrite[] = [];
  #committed: Ready["committed"][number][] = [];

  constructor(voters: readonly number[], learners: readonly number[] = []) {
    this.raft = new Raft(optionsOf(1), {
      hardState: { term: 0, vote: null, commit: 0 },
      snapshot: { index: 0, term: 0, configuration: configurationOf(voters, learners) },
      entries: [],
      appliedIndex: 0,
      configuration: configurationOf(voters, learners),
    });
  }

  take(): void {
    while (this.raft.hasReady()) {
      const { write, committed } = this.raft.ready();
      if (write !== null) this.#writes.push(write);
      this.#committed.push(...committed);
    }
  }

  sync(): void {
    this.take();
    for (const { id } of this.#writes.splice(0)) this.raft.writeDone(id);
    this.take();
  }

  apply(): void {
    const last = this.#committed.at(-1);
    for (const { type, data, index } of this.#committed) {
      if (type !== EntryType.configChange) continue;
      this.raft.applyConfigChange(decodeConfigChange(data), index);
    }
    this.#committed = [];
    if (last !== undefined) this.raft.applied(last.index);
    this.take();
  }

  work(): void {
    for (let round = 0; round < 5; round++) {
      this.sync();
      this.apply();
    }
  }

  /** Who is to vote must have answered. */
  change(...steps: MembershipStep[]): void {
    const { term } = this.raft.status();
    for (const { nodeId } of steps) {
      const answer = { type: "heartbeatResponse", term, readContext: 0 } as const;
      this.raft.step({ ...answer, from: nodeId, to: nodeIdOf(1) });
    }
    const change = { type: "change", steps, context: new Uint8Array(0) } as const;
    expect(this.raft.proposeConfigChange(change).status).toBe("accepted");
  }
}

describe("a node is in step alone", () => {
  test("when it leads, is the only voter, and has applied an entry of its own term", () => {
    const node = new LoneNode([1], [2, 3]);
    expect(node.raft.isInStepAlone()).toBe(false);
    node.raft.campaign();
    node.sync();
    expect(node.raft.status().role).toBe("leader");
    expect(node.raft.isInStepAlone()).toBe(false);
    node.work();
    expect(node.raft.isInStepAlone()).toBe(true);
  });

  test("not while something is committed and not applied", () => {
    const node = new LoneNode([1]);
    node.raft.campaign();
    node.work();
    node.raft.propose([Buffer.from("a")]);
    node.take();
    // Nobody was told that it is committed.
    expect(node.raft.isInStepAlone()).toBe(true);
    node.sync();
    expect(node.raft.isInStepAlone()).toBe(false);
    node.apply();
    expect(node.raft.isInStepAlone()).toBe(true);
  });

  test("not from the moment on at which a change that lets another vote is committed", () => {
    const node = new LoneNode([1], [2]);
    node.raft.campaign();
    node.work();
    node.change({ type: "addVoter", nodeId: nodeIdOf(2) });
    node.sync();
    expect(node.raft.isInStepAlone()).toBe(false);
    node.apply();
    expect(node.raft.isInStepAlone()).toBe(false);
  });

  test("not in a joint state, though it is the only voter of the new configuration", () => {
    const node = new LoneNode([1], [2, 3]);
    node.raft.campaign();
    node.work();
    node.change(
      { type: "addVoter", nodeId: nodeIdOf(2) },
      { type: "addVoter", nodeId: nodeIdOf(3) },
    );
    node.work();
    expect(node.raft.status().configuration.votersOutgoing).toEqual([nodeIdOf(1)]);
    expect(node.raft.isInStepAlone()).toBe(false);
  });

  test("not as one of several voters, nor as a learner", () => {
    for (const node of [new LoneNode([1, 2, 3]), new LoneNode([2], [1])]) {
      node.raft.campaign();
      node.work();
      expect(node.raft.isInStepAlone()).toBe(false);
    }
  });
});
