import { defaultLiveLimits, type LiveLimits } from "../../src/api/live/limits.ts";
import { LiveFeeds } from "../../src/api/live/live-feeds.ts";
import { Viewer } from "../../src/api/live/viewer.ts";
import { parseWishes } from "../../src/api/live/wishes.ts";
import { DeviceBodies } from "../../src/api/routes/device-body.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeLine } from "./fake-line.ts";
import { FakeNodePort } from "./fake-node-port.ts";

/** The live feeds of one node without a node, and viewers without sockets. */
export class LiveRig {
  readonly clock = new FakeClock();
  readonly node = new FakeNodePort();
  readonly feeds: LiveFeeds;
  readonly limits: LiveLimits;

  constructor(limits: Partial<LiveLimits> = {}) {
    this.limits = { ...defaultLiveLimits, ...limits };
    const bodies = new DeviceBodies(this.node);
    this.feeds = new LiveFeeds({
      ...{ node: this.node, clock: this.clock, limits: this.limits },
      deviceBody: (device) => bodies.bodyOf(device),
      stats: () => ({ messagesIn: 7 }),
    });
  }

  move(id: string, x: number): void {
    this.node.devices.set(id, "coordinates", { x, y: 0 });
  }

  open(): { readonly line: FakeLine; readonly viewer: Viewer; readonly isIn: boolean } {
    const line = new FakeLine();
    const viewer = new Viewer(this.feeds, line, { username: null });
    const isIn = this.feeds.audience.add(line, () => viewer.leave());
    return { line, viewer, isIn };
  }

  /** A viewer of `/coordinates` that has all there is. */
  watchCoordinates(
    devices: "all" | readonly string[] = "all",
    intervalMs = 1000,
    areGoneTold = false,
  ): FakeLine {
    const { line, viewer } = this.open();
    viewer.followCoordinates({ devices, intervalMs, areGoneTold });
    this.clock.advance(this.limits.welcomeMs);
    return line;
  }

  /** A viewer of `/api/v1/live` that has all there is. */
  async watch(request: object): Promise<{ line: FakeLine; viewer: Viewer }> {
    const { line, viewer } = this.open();
    await this.say(viewer, request);
    return { line, viewer };
  }

  async say(viewer: Viewer, request: object): Promise<void> {
    await viewer.follow(parseWishes(JSON.stringify(request), this.limits));
    await this.settle();
  }

  /** Lets newcomers be served, and promises run. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.advance(this.limits.welcomeMs);
    }
  }
}
