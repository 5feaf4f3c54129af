import { expect, test } from "vitest";
import { defaultLiveLimits as limits } from "../../../../src/api/live/limits.ts";
import { LiveFeeds } from "../../../../src/api/live/live-feeds.ts";
import { Viewer } from "../../../../src/api/live/viewer.ts";
import { parseWishes } from "../../../../src/api/live/wishes.ts";
import { DeviceBodies } from "../../../../src/api/routes/device-body.ts";
import { encodeCommand } from "../../../../src/replica/commands.ts";
import { Replica } from "../../../../src/replica/replica.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { FakeLine } from "../../../support/fake-line.ts";
import { FakeNodePort } from "../../../support/fake-node-port.ts";
import { context, RecordStore, state } from "../../../support/replica-model.ts";

/** Viewers of the state that the log makes, without a node around it. */
class ReplicaRig {
  readonly replica = new Replica();
  readonly clock = new FakeClock();
  readonly #store = new RecordStore();
  readonly #feeds: LiveFeeds;

  constructor() {
    const node = Object.assign(new FakeNodePort(), { devices: this.replica.devices });
    const bodies = new DeviceBodies(node);
    const deviceBody = (device: Parameters<typeof bodies.bodyOf>[0]) => bodies.bodyOf(device);
    const stats = () => ({});
    this.#feeds = new LiveFeeds({ node, clock: this.clock, limits, deviceBody, stats });
  }

  apply(command: Uint8Array, index: number): void {
    this.replica.apply(command, context(index), this.#store);
    this.clock.advance(200);
  }

  open(): { readonly line: FakeLine; readonly viewer: Viewer } {
    const line = new FakeLine();
    return { line, viewer: new Viewer(this.#feeds, line, { username: null }) };
  }
}

const tick = encodeCommand({ type: "tick" });
const position = { device: "r1", attribute: "coordinates", value: { x: 1, y: 2 }, ttlSeconds: 5 };

test("what expires in the log leaves the map, every list of devices and every condition at once", () => {
  const rig = new ReplicaRig();
  rig.apply(state(position, { device: "r1", attribute: "battery", value: 9 }), 1);
  rig.apply(state({ device: "r2", attribute: "battery", value: 9, ttlSeconds: 6 }), 2);
  const map = rig.open();
  map.viewer.followCoordinates({ devices: "all", intervalMs: 50, areGoneTold: true });
  const all = rig.open();
  void all.viewer.follow(parseWishes('{"subscribe":{"devices":true}}', limits));
  const low = rig.open();
  const where =
    '{"subscribe":{"devices":{"where":"has(coordinates) || battery < 10 && id == \'r2\'"}}}';
  void low.viewer.follow(parseWishes(where, limits));
  rig.clock.advance(200);
  for (const { line } of [map, all, low]) expect(line.take()).toHaveLength(1);
  rig.apply(tick, 6);
  expect(map.line.take()).toEqual([[{ deviceId: "r1", isGone: true }]]);
  expect(all.line.take()).toMatchObject([{ changes: [{ id: "r1", attributes: { battery: {} } }] }]);
  expect(low.line.take()).toMatchObject([{ changes: [{ id: "r1", hasLeft: true }] }]);
  rig.apply(tick, 8);
  expect(map.line.take()).toEqual([]);
  for (const { line } of [all, low]) {
    expect(line.take()).toMatchObject([{ changes: [{ id: "r2", isDeleted: true }] }]);
  }
});
