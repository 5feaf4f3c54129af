import { beforeEach, describe, expect, test } from "vitest";
import { DrainRequests } from "../../../src/drain-requests.ts";
import { NodeDrain } from "../../../src/node-drain.ts";
import type { ClientAddress } from "../../../src/server-reference.ts";
import { BrokerRig, type RigClient, type RigNode } from "../../support/broker-rig.ts";
import { silentLog } from "../../support/silent-log.ts";

let rig: BrokerRig;

interface DrainableNode extends RigNode {
  readonly drain: NodeDrain;
  readonly requests: DrainRequests;
}

/** By node, the doors that it last said it leaves. */
const left = new Map<string, readonly string[]>();

function addNode(changes: Partial<ClientAddress> = {}): DrainableNode {
  const node = rig.addNode();
  const { cluster, broker } = node;
  const drain = new NodeDrain({
    ...{ cluster, clients: broker.drain, clock: rig.clock, log: silentLog },
    address: () => ({
      advertised: `${cluster.name}.example:1883`,
      ...{ host: "0.0.0.0", port: 1883 },
      isReady: !broker.drain.isOn,
      ...{ machine: "a", sharedDoors: [] },
      ...changes,
    }),
    leaveDoors: (names) => left.set(cluster.name, [...names]),
  });
  drain.start();
  const requests = new DrainRequests(cluster, drain);
  requests.start();
  return { ...node, drain, requests };
}

async function settled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  await rig.settle();
  return promise;
}

async function connectMany(node: RigNode, count: number, version: 4 | 5): Promise<RigClient[]> {
  const clients: RigClient[] = [];
  for (let at = 0; at < count; at++) {
    clients.push(await rig.connect(node, `v${version}-${at}`, { protocolVersion: version }));
  }
  return clients;
}

beforeEach(() => {
  rig = new BrokerRig();
});

describe("a node that is drained", () => {
  test("moves its clients at the rate, tells MQTT 5 where to go, and spreads them", async () => {
    addNode();
    const n2 = addNode();
    addNode();
    const clients = await connectMany(n2, 10, 5);
    await settled(n2.drain.begin(10));
    await rig.pass(500);
    expect(clients.filter(({ isEnded }) => isEnded)).toHaveLength(5);
    expect(n2.drain.state()).toMatchObject({ phase: "moving", clientsLeft: 5, clientsMoved: 5 });
    await rig.pass(600);
    const goodbyes = clients.flatMap((client) => client.take("disconnect"));
    expect(goodbyes.map(({ reasonCode }) => reasonCode)).toEqual(Array(10).fill(0x9c));
    const references = goodbyes.map(({ properties }) => properties?.serverReference);
    expect(references.filter((text) => text === "n1.example:1883 n3.example:1883")).toHaveLength(5);
    expect(references.filter((text) => text === "n3.example:1883 n1.example:1883")).toHaveLength(5);
    await rig.pass(1000);
    expect(n2.drain.state()).toEqual({
      ...{ node: "n2", phase: "drained", clientsLeft: 0, clientsMoved: 10, problem: null },
    });
    expect(n2.broker.counters.clientsDrained).toBe(10);
  });

  test("closes the connections of MQTT 3.1.1 clients", async () => {
    addNode();
    const n2 = addNode();
    const clients = await connectMany(n2, 3, 4);
    await settled(n2.drain.begin(500));
    await rig.pass(200);
    expect(clients.every(({ isEnded }) => isEnded)).toBe(true);
    expect(clients.flatMap(({ inbox }) => inbox).filter(({ cmd }) => cmd !== "connack")).toEqual(
      [],
    );
  });

  test("refuses new clients with the words of their version, until it is cancelled", async () => {
    addNode();
    const n2 = addNode();
    await settled(n2.drain.begin(500));
    const [five, four] = [
      await rig.connect(n2, "five"),
      await rig.connect(n2, "four", { protocolVersion: 4 }),
    ];
    expect(five.take("connack")[0]).toMatchObject({
      reasonCode: 0x9c,
      properties: { serverReference: "n1.example:1883" },
    });
    expect(four.take("connack")[0]?.returnCode).toBe(3);
    expect([five.isEnded, four.isEnded]).toEqual([true, true]);
    expect(n2.broker.counters.connectsRedirected).toBe(2);
    n2.drain.cancel();
    expect(n2.drain.state().phase).toBe("off");
    const again = await rig.connect(n2, "five");
    expect(again.take("connack")[0]?.reasonCode).toBe(0);
    await rig.pass(1000);
    expect(again.isEnded).toBe(false);
  });

  test("leaves the ports that it shares while another node there is ready", async () => {
    const sharedDoors = ["--mqtt 0.0.0.0:1883"];
    const n1 = addNode({ sharedDoors });
    const n2 = addNode({ sharedDoors });
    addNode();
    await settled(n2.drain.begin(500));
    expect(left.get("n2")).toEqual(sharedDoors);
    // Without n1 nobody would be there to tell clients of n3.
    await settled(n1.drain.begin(500));
    expect(left.get("n1")).toEqual([]);
    await rig.pass(2000);
    expect(left.get("n2")).toEqual([]);
    n1.drain.cancel();
    await rig.pass(2000);
    expect(left.get("n2")).toEqual(sharedDoors);
    n2.drain.cancel();
    expect(left.get("n2")).toEqual([]);
  });

  test("leaves to the others what they hold on its machine, whatever they advertise", async () => {
    const advertised = "balancer.example:1883";
    addNode({ advertised, sharedDoors: ["--ws 0.0.0.0:8083"] });
    const n2 = addNode({ advertised });
    addNode({ sharedDoors: ["--wss 0.0.0.0:8084"] });
    addNode({ isReady: false, sharedDoors: ["--mqtts 0.0.0.0:8883"] });
    addNode({ advertised, machine: "b", sharedDoors: ["--mqtt 0.0.0.0:1883"] });
    await settled(n2.drain.begin(500));
    expect(left.get("n2")).toEqual(["--ws 0.0.0.0:8083", "--wss 0.0.0.0:8084"]);
  });

  test("leaves no port when it cannot know which machine it is on", async () => {
    const [machine, sharedDoors] = [null, ["--mqtt 127.0.0.1:1883"]];
    addNode({ machine, host: "127.0.0.1", sharedDoors });
    const n2 = addNode({ machine, host: "127.0.0.1", sharedDoors });
    await settled(n2.drain.begin(500));
    expect(left.get("n2")).toEqual([]);
  });

  test("takes no Server Reference over what a client can take", async () => {
    addNode();
    const n2 = addNode();
    const properties = { maximumPacketSize: 60 };
    const small = await rig.connect(n2, "small", { properties });
    const tiny = await rig.connect(n2, "tiny", { properties: { maximumPacketSize: 30 } });
    expect([small, tiny].map((client) => client.take("connack")[0]?.reasonCode)).toEqual([0, 0]);
    await settled(n2.drain.begin(500));
    await rig.pass(200);
    const reference = { serverReference: "n1.example:1883" };
    expect(small.take("disconnect")[0]?.properties).toMatchObject(reference);
    expect(tiny.take("disconnect")[0]?.properties).not.toHaveProperty("reasonString");
    const refused = await rig.connect(n2, "tiny", { properties: { maximumPacketSize: 20 } });
    const [connack] = refused.take("connack");
    expect(connack?.reasonCode).toBe(0x9c);
    expect(connack?.properties?.serverReference).toBeUndefined();
  });

  test("is not drained before the log knows that the clients have left", async () => {
    addNode();
    const n2 = addNode();
    await connectMany(n2, 2, 5);
    await settled(n2.drain.begin(500));
    rig.flock.isQuorate = false;
    await rig.pass(300);
    const problem = "no quorum: the log does not hear that its clients left";
    expect(n2.drain.state()).toMatchObject({ phase: "moving", clientsLeft: 0, problem });
    rig.flock.isQuorate = true;
    await rig.settle();
    expect(n2.drain.state()).toMatchObject({ phase: "drained", problem: null });
    expect(n2.replica.ownedClients).toBe(0);
  });

  test("hands over leadership last; a refusal is a problem until it works", async () => {
    const n1 = addNode();
    addNode();
    await connectMany(n1, 2, 5);
    let asked = 0;
    n1.cluster.transferLeadership = async () => {
      asked++;
      throw new Error("no other live voter can take over");
    };
    await settled(n1.drain.begin(1));
    await rig.pass(1500);
    expect(asked).toBe(0);
    await rig.pass(2000);
    expect(asked).toBeGreaterThan(0);
    const problem = "no other live voter can take over";
    expect(n1.drain.state()).toMatchObject({ phase: "handing-over", problem });
  });

  test("needs another one that takes clients", async () => {
    const n1 = addNode();
    const refusal = { code: "change-refused" };
    await expect(settled(n1.drain.begin(500))).rejects.toMatchObject(refusal);
    const n2 = addNode();
    await settled(n2.drain.begin(500));
    const refused = n1.drain.begin(500);
    await expect(settled(refused)).rejects.toMatchObject(refusal);
    const client = await rig.connect(n1, "c");
    expect(client.take("connack")[0]?.reasonCode).toBe(0);
    n2.drain.stop();
  });

  test("still names a node that is too busy to answer, and no more one that is down", async () => {
    const n1 = addNode();
    const n2 = addNode();
    addNode();
    await settled(n2.drain.begin(1));
    n1.cluster.onRequest("client-address", () => new Promise(() => undefined));
    await rig.pass(3500);
    const refused = await rig.connect(n2, "one");
    const [first] = refused.take("connack");
    expect(first?.properties?.serverReference?.split(" ").toSorted()).toEqual([
      "n1.example:1883",
      "n3.example:1883",
    ]);
    n1.cluster.setDown(true);
    await rig.pass(1500);
    const [second] = (await rig.connect(n2, "two")).take("connack");
    expect(second?.properties?.serverReference).toBe("n3.example:1883");
  });

  test("keeps QoS 1 messages of its stored sessions for wherever they go", async () => {
    const n1 = addNode();
    const n2 = addNode();
    const durable = { clean: false, properties: { sessionExpiryInterval: 600 } };
    const before = await rig.connect(n2, "durable", durable);
    before.subscribe("t", { qos: 1 });
    const publisher = await rig.connect(n1, "publisher");
    await rig.settle();
    await settled(n2.drain.begin(500));
    for (const text of ["a", "b"])
      publisher.publish("t", text, { qos: 1, messageId: text === "a" ? 1 : 2 });
    await rig.pass(200);
    publisher.publish("t", "c", { qos: 1, messageId: 3 });
    await rig.settle();
    const after = await rig.connect(n1, "durable", durable);
    expect(after.take("connack")[0]?.sessionPresent).toBe(true);
    expect(after.texts()).toEqual(["t=a", "t=b", "t=c"]);
  });

  test("does so when any node is asked, and tells that one how far it is", async () => {
    const n1 = addNode();
    const n2 = addNode();
    await connectMany(n2, 3, 5);
    const member = n1.cluster.members().find(({ name }) => name === "n2")!;
    const begun = settled(n1.requests.ask(member, { action: "begin", clientsPerSecond: 500 }));
    expect(await begun).toMatchObject({ node: "n2", phase: "moving", clientsLeft: 3 });
    await rig.pass(200);
    const look = settled(n1.requests.ask(member, { action: "look" }));
    expect(await look).toMatchObject({ phase: "drained", clientsMoved: 3 });
    const cancelled = settled(n1.requests.ask(member, { action: "cancel" }));
    expect(await cancelled).toMatchObject({ node: "n2", phase: "off" });
    const self = n2.cluster.members().find(({ isSelf }) => isSelf)!;
    n1.broker.drain.begin({ clientsPerSecond: 1, servers: () => [] });
    const refused = settled(n1.requests.ask(member, { action: "begin", clientsPerSecond: 500 }));
    await expect(refused).rejects.toMatchObject({ code: "change-refused" });
    await expect(
      settled(n2.requests.ask(self, { action: "begin", clientsPerSecond: 500 })),
    ).rejects.toMatchObject({ code: "change-refused" });
  });
});

test("SIGTERM says that the node shuts down, drained or not", async () => {
  addNode();
  const n2 = addNode();
  const client = await rig.connect(n2, "c");
  await settled(n2.drain.begin(1));
  const stopping = n2.broker.stop(1000);
  await rig.pass(3000);
  await stopping;
  expect(client.take("disconnect")[0]?.reasonCode).toBe(0x8b);
});
