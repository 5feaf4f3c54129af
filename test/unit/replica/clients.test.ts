import { describe, expect, it } from "vitest";
import { encodeCommand } from "../../../src/replica/commands.ts";
import { replicaLimits } from "../../../src/replica/limits.ts";
import { Replica } from "../../../src/replica/replica.ts";
import type { ClaimResult } from "../../../src/replica/replica-api.ts";
import {
  claim,
  context,
  nodeIds,
  RecordStore,
  release,
  restoreFrom,
} from "../../support/replica-model.ts";

const [n1, n2] = nodeIds;

function claimed(
  replica: Replica,
  store: RecordStore,
  clientId: string,
  index: number,
  origin: string,
): ClaimResult {
  return replica.apply(claim(clientId), context(index, { origin }), store) as ClaimResult;
}

describe("client identifiers", () => {
  it("belong to the node that claimed last, and everyone hears of the change", () => {
    const replica = new Replica();
    const store = new RecordStore();
    const heard: unknown[] = [];
    replica.onOwnerChanged(() => {
      throw new Error("listener");
    });
    replica.onOwnerChanged((...change) => heard.push(change));
    expect(claimed(replica, store, "c", 1, n1)).toEqual({
      epoch: 1,
      previous: null,
      isSessionPresent: false,
    });
    expect(claimed(replica, store, "c", 2, n2)).toEqual({
      epoch: 2,
      previous: { nodeId: n1, epoch: 1 },
      isSessionPresent: true,
    });
    expect(replica.ownerOf("c")).toEqual({ nodeId: n2, epoch: 2 });
    expect(replica.ownerOf("other")).toBeNull();
    expect(replica.ownedClients).toBe(1);
    expect(heard).toEqual([["c", { nodeId: n2, epoch: 2 }, { nodeId: n1, epoch: 1 }]]);
    const clean = encodeCommand({
      type: "claim",
      clientId: "c",
      cleanStart: true,
      expirySeconds: 0,
    });
    replica.apply(clean, context(3, { origin: n1 }), store);
    expect(heard[1]).toEqual(["c", { nodeId: n1, epoch: 3 }, { nodeId: n2, epoch: 2 }]);
    expect(replica.metrics().get("replica_handler_errors")).toBe(2);
  });

  it("are released by their owner with the current epoch only", () => {
    const replica = new Replica();
    const store = new RecordStore();
    const { epoch } = claimed(replica, store, "c", 1, n1);
    replica.apply(release("c", epoch + 1), context(2, { origin: n1 }), store);
    replica.apply(release("c", epoch), context(3, { origin: n2 }), store);
    expect(replica.ownerOf("c")).not.toBeNull();
    expect(replica.metrics().get("replica_releases_stale")).toBe(2);
    expect(replica.apply(release("c", epoch), context(4, { origin: n1 }), store)).toEqual({
      isReleased: true,
    });
    expect(replica.ownerOf("c")).toBeNull();
    expect([...store.records.keys()]).toEqual(["e"]);
  });

  it("never see an epoch twice: not within one entry, not after a release, not after a restart", () => {
    const store = new RecordStore();
    let replica = new Replica();
    const epochs: number[] = [];
    for (let round = 0; round < 4; round++) {
      const { epoch } = claimed(replica, store, "c", 1, n1);
      epochs.push(epoch);
      replica.apply(release("c", epoch), context(1, { origin: n1 }), store);
      replica = new Replica();
      restoreFrom(replica, store);
    }
    expect(epochs).toEqual([1, 2, 3, 4]);
  });

  it("are free when their node starts anew, apart from what it claimed since", () => {
    const replica = new Replica();
    const store = new RecordStore();
    replica.nodeStarted(n1, 1, context(1), store);
    claimed(replica, store, "a", 2, n1);
    claimed(replica, store, "b", 3, n2);
    replica.nodeStarted(n1, 1, context(4), store);
    expect(replica.ownerOf("a")).not.toBeNull();
    replica.nodeStarted(n1, 2, context(5), store);
    expect(replica.ownerOf("a")).toBeNull();
    expect(replica.ownerOf("b")).not.toBeNull();
    claimed(replica, store, "a", 6, n1);
    replica.nodeStarted(n1, 2, context(7), store);
    expect(replica.ownerOf("a")).not.toBeNull();
    expect([...store.records.keys()].sort()).toEqual(["c/a", "c/b", "e", `n/${n1}`, "s/a", "s/b"]);
  });

  it("are free when their node is removed", () => {
    const replica = new Replica();
    const store = new RecordStore();
    replica.nodeStarted(n1, 3, context(1), store);
    claimed(replica, store, "a", 2, n1);
    claimed(replica, store, "b", 3, n2);
    replica.nodeRemoved(n1, context(4), store);
    expect([...store.records.keys()].sort()).toEqual(["c/b", "e", "s/a", "s/b"]);
    expect(replica.ownedClients).toBe(1);
  });

  it("tell a node that was cut off, by the snapshot it gets, which clients it lost", () => {
    const store = new RecordStore();
    const cutOff = new Replica();
    const others = new Replica();
    for (const [index, clientId] of ["lost", "kept", "released"].entries()) {
      claimed(cutOff, new RecordStore(), clientId, index + 1, n1);
      claimed(others, store, clientId, index + 1, n1);
    }
    claimed(others, store, "lost", 4, n2);
    others.apply(release("released", 3), context(5, { origin: n1 }), store);
    const heard: unknown[] = [];
    cutOff.onOwnerChanged((...change) => heard.push(change));
    // The first attempt breaks off half way.
    cutOff.reset();
    restoreFrom(cutOff, store);
    expect(heard).toEqual([
      ["lost", { nodeId: n2, epoch: 4 }, { nodeId: n1, epoch: 1 }],
      ["released", null, { nodeId: n1, epoch: 3 }],
    ]);
    restoreFrom(cutOff, store);
    expect(heard).toHaveLength(2);
  });

  it("are bounded in number: a refused claim has epoch 0 and is counted", () => {
    const replica = new Replica({ ...replicaLimits, clientsMax: 1 });
    const store = new RecordStore();
    claimed(replica, store, "a", 1, n1);
    expect(claimed(replica, store, "b", 2, n1)).toEqual({
      epoch: 0,
      previous: null,
      isSessionPresent: false,
    });
    expect(claimed(replica, store, "a", 3, n1).epoch).toBe(2);
    expect(replica.metrics().get("replica_claims_refused")).toBe(1);
  });
});
