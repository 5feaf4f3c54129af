import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { LocalCluster } from "../../scripts/support/local-cluster.ts";

/** A robot-tracking system as it is today, its clients unchanged, with three nodes in the place of the chain that it replaces. */
const isInstalled = spawnSync("mosquitto_pub", ["--help"]).error === undefined;
const title = isInstalled
  ? "an existing robot-tracking system"
  : "an existing robot-tracking system (left out: apt-get install mosquitto-clients)";
const run = promisify(execFile);
const patience = { timeout: 30_000, interval: 100 };

interface Place {
  readonly deviceId: string;
  readonly x: number;
  readonly y: number;
  readonly timestamp: number;
}

interface Device {
  readonly version: number;
  readonly attributes: Readonly<
    Record<string, { readonly value: unknown; readonly version: number }>
  >;
}

describe.skipIf(!isInstalled)(title, () => {
  let cluster: LocalCluster;
  const robots: ChildProcess[] = [];

  beforeAll(async () => {
    cluster = await LocalCluster.start({ nodes: 3 });
    await cluster.whenInSync(60_000);
  }, 120_000);

  afterAll(async () => {
    for (const robot of robots) robot.kill();
    await cluster.stop();
  }, 30_000);

  async function get<Body>(node: number, path: string): Promise<Body> {
    const answer = await fetch(`http://127.0.0.1:${cluster.nodeAt(node).ready?.http}${path}`);
    return (await answer.json()) as Body;
  }

  async function publish(node: number, topic: string, payload: string): Promise<void> {
    const port = String(cluster.nodeAt(node).ready?.mqtt);
    await run("mosquitto_pub", ["-p", port, "-t", topic, "-m", payload]);
  }

  /** A map in a browser: keeps where each robot is. */
  function openMap(node: number): { places: Map<string, Place>; close: () => void } {
    const url = `ws://127.0.0.1:${cluster.nodeAt(node).ready?.http}/coordinates?interval=100`;
    const socket = new WebSocket(url);
    const places = new Map<string, Place>();
    socket.on("message", (data) => {
      for (const place of JSON.parse(String(data)) as Place[]) places.set(place.deviceId, place);
    });
    return { places, close: () => socket.terminate() };
  }

  /** What the next command says to the robot that `mosquitto_sub` stands for; resolves once it listens. */
  async function listen(
    node: number,
    clientId: string,
    asked: number,
  ): Promise<() => Promise<string>> {
    const port = String(cluster.nodeAt(node).ready?.mqtt);
    const topic = "orin/robot1/command";
    const robot = spawn("mosquitto_sub", ["-p", port, "-i", clientId, "-t", topic, "-C", "1"]);
    robots.push(robot);
    let heard = "";
    robot.stdout.on("data", (text) => {
      heard += String(text);
    });
    const ended = once(robot, "close").then(() => heard.trim());
    const path = `/api/v1/subscriptions?clientId=${clientId}`;
    await expect
      .poll(async () => (await get<{ count: number }>(asked, path)).count, patience)
      .toBe(1);
    return () => ended;
  }

  async function command(node: number, name: string): Promise<object> {
    const url = `http://127.0.0.1:${cluster.nodeAt(node).ready?.http}/api/commands/robot1`;
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ command: name });
    const answer = await fetch(url, { method: "POST", headers, body });
    expect(answer.status).toBe(200);
    return (await answer.json()) as object;
  }

  test("works on any of the nodes, and is still all there after kill -9 of the leader", async () => {
    const map = openMap(1);
    const position = '{"x":123.45,"y":67.89,"timestamp":1691234567}';
    await publish(0, "sensors/robot1/coordinates", position);
    const place = { deviceId: "robot1", x: 123.45, y: 67.89, timestamp: 1691234567 };
    await expect.poll(() => map.places.get("robot1"), patience).toEqual(place);
    await expect.poll(() => get<Place[]>(2, "/api/coordinates"), patience).toEqual([place]);

    await publish(0, "sensors/robot1/motorRPM", "1500");
    await publish(0, "sensors/robot1/coordX", "10.5");
    await publish(0, "sensors/robot1/coordY", "20.5");
    await expect
      .poll(() => map.places.get("robot1"), patience)
      .toMatchObject({ deviceId: "robot1", x: 10.5, y: 20.5 });
    await expect
      .poll(async () => (await get<Device>(2, "/api/v1/devices/robot1")).attributes, patience)
      .toMatchObject({
        motorRPM: { value: 1500 },
        coordX: { value: 10.5 },
        coordY: { value: 20.5 },
        coordinates: { value: JSON.parse(position) },
      });

    const heard = await listen(0, "robot1-before", 1);
    expect(await command(1, "tracking")).toMatchObject({ delivered: 1, delivery: "delivered" });
    expect(await heard()).toBe("tracking");

    interface Stats {
      readonly messagesIn: number;
      readonly messagesOut: number;
      readonly forwardsOut: number;
      readonly devices: number;
    }
    expect(await get<Stats>(0, "/api/stats")).toMatchObject({ messagesIn: 4, messagesOut: 1 });
    for (const node of [0, 1, 2]) {
      expect((await get<Stats>(node, "/api/stats")).devices).toBe(1);
    }

    const before = await get<Device>(0, "/api/v1/devices/robot1?consistency=linearizable");
    const { leader } = await cluster.whenInSync(30_000);
    const dead = cluster.nodes.findIndex((_, at) => `n${at + 1}` === leader);
    const [one, other] = [0, 1, 2].filter((at) => at !== dead) as [number, number];
    map.close();
    cluster.nodeAt(dead).signal("SIGKILL");
    await cluster.nodeAt(dead).exited;

    const survivingMap = openMap(other);
    for (const node of [one, other]) {
      const path = "/api/v1/devices/robot1?consistency=linearizable";
      await expect
        .poll(async () => (await get<Device>(node, path)).attributes, patience)
        .toEqual(before.attributes);
    }
    await expect
      .poll(() => survivingMap.places.get("robot1"), patience)
      .toMatchObject({ x: 10.5, y: 20.5 });
    await publish(one, "sensors/robot2/coordinates", position);
    await expect
      .poll(() => survivingMap.places.get("robot2"), patience)
      .toEqual({ ...place, deviceId: "robot2" });
    const heardAfter = await listen(one, "robot1-after", other);
    expect(await command(other, "slam")).toMatchObject({ delivery: "delivered" });
    expect(await heardAfter()).toBe("slam");
    survivingMap.close();

    await cluster.restart(dead).whenReady(60_000);
    await cluster.whenInSync(60_000);
    const back = await get<Place[]>(dead, "/api/coordinates?consistency=linearizable");
    expect(back.map(({ deviceId }) => deviceId)).toEqual(["robot1", "robot2"]);
  }, 180_000);
});
