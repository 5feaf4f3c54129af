import { describe, expect, it } from "vitest";
import { encodeCommand } from "../../../src/replica/commands.ts";
import { Replica } from "../../../src/replica/replica.ts";
import {
  claim,
  context,
  nodeIds,
  RecordStore,
  release,
  restoreFrom,
} from "../../support/replica-model.ts";

function publish(source: string, device: string): Buffer {
  const updates = [{ device, attribute: "x", value: 1 }];
  return encodeCommand({ type: "states", groups: [{ source, fence: "none", updates }] });
}

function presence(replica: Replica, id: string): unknown {
  const device = replica.devices.get(id);
  return device && [device.online, device.lastSeenMs];
}

describe("presence of a device", () => {
  it("is the connection of the client that published its state last", () => {
    const replica = new Replica();
    const store = new RecordStore();
    replica.apply(claim("gateway"), context(1), store);
    replica.apply(publish("gateway", "r1"), context(2), store);
    replica.apply(publish("other", "r2"), context(3), store);
    expect(presence(replica, "r1")).toEqual([true, 2000]);
    expect(presence(replica, "r2")).toEqual([false, 3000]);
    replica.apply(release("gateway", 1), context(9), store);
    expect(presence(replica, "r1")).toEqual([false, 9000]);
    replica.apply(publish("other", "r1"), context(10), store);
    replica.apply(claim("other"), context(11), store);
    expect(presence(replica, "r1")).toEqual([true, 11_000]);
    expect(presence(replica, "r2")).toEqual([true, 11_000]);
  });

  it("is the connection of the client of its name, too", () => {
    const replica = new Replica();
    const store = new RecordStore();
    replica.apply(publish("", "r1"), context(1), store);
    expect(presence(replica, "r1")).toEqual([false, 1000]);
    replica.apply(claim("r1"), context(2), store);
    expect(presence(replica, "r1")).toEqual([true, 2000]);
  });

  it("ends with its node, on every node, and is told to those who watch devices", () => {
    const replica = new Replica();
    const store = new RecordStore();
    const at = { origin: nodeIds[1] };
    replica.nodeStarted(nodeIds[1], 3, context(1), store);
    replica.apply(claim("gateway"), context(2, at), store);
    for (const id of ["r1", "r2"]) replica.apply(publish("gateway", id), context(3, at), store);
    const heard: string[] = [];
    replica.devices.onChanged((id) => heard.push(`${id} ${replica.devices.get(id)?.online}`));
    const down = encodeCommand({ type: "node-down", nodeId: nodeIds[1], incarnation: 3 });
    replica.apply(down, context(7), store);
    expect(heard).toEqual(["r1 false", "r2 false"]);
    const restored = new Replica();
    restoreFrom(restored, store);
    expect(presence(restored, "r1")).toEqual([false, 7000]);
    expect(restored.digest()).toBe(replica.digest());
  });

  it("leaves no record behind when nothing is published through the client any more", () => {
    const replica = new Replica();
    const store = new RecordStore();
    replica.apply(publish("gateway", "r1"), context(1), store);
    replica.apply(claim("gateway"), context(2), store);
    replica.apply(claim("stranger"), context(3), store);
    const kept = (): string[] => [...store.records.keys()].filter((key) => key.startsWith("l/"));
    expect(kept()).toEqual(["l/gateway"]);
    replica.apply(publish("other", "r1"), context(4), store);
    expect(kept()).toEqual([]);
    replica.apply(claim("r1"), context(5), store);
    expect(kept()).toEqual(["l/r1"]);
    replica.apply(
      encodeCommand({ type: "delete-device", device: "r1", source: "" }),
      context(6),
      store,
    );
    expect(kept()).toEqual([]);
  });
});
