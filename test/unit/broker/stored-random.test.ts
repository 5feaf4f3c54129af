import { describe, expect, it } from "vitest";
import { BrokerRig, type RigNode } from "../../support/broker-rig.ts";
import {
  type DurableClient,
  DurablePublisher,
  DurableSubscriber,
  randomFrom,
} from "../../support/durable-clients.ts";

const topics = ["t/1", "t/2", "t/3"] as const;

/** Three nodes, clients that wander between them, and whatever goes wrong on the way. */
class World {
  readonly rig = new BrokerRig();
  readonly nodes: RigNode[];
  readonly killed = new Set<RigNode>();
  readonly subscribers: DurableSubscriber[];
  readonly publishers: DurablePublisher[];
  readonly #random: () => number;
  #cutOff: RigNode | null = null;
  faults = 0;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
    this.rig.flock.isElecting = true;
    this.nodes = [0, 1, 2].map(() => this.rig.addNode());
    this.subscribers = ["s1", "s2", "s3"].map((id) => new DurableSubscriber(this.rig, id));
    this.publishers = ["p1", "p2"].map((id) => new DurablePublisher(this.rig, id));
  }

  get clients(): readonly DurableClient[] {
    return [...this.subscribers, ...this.publishers];
  }

  async step(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.45) this.#publish();
    else if (dice < 0.8) this.#read(this.#pick(this.clients), 1 + Math.floor(this.#random() * 6));
    else if (dice < 0.9) this.#wander();
    else await this.#harm();
    if (this.#random() < 0.5) await this.rig.settle();
  }

  /** Everything is well again, and everybody gets done what they have to do. */
  async end(): Promise<void> {
    this.#heal();
    this.rig.flock.isQuorate = true;
    for (let round = 0; round < 60; round++) {
      await this.rig.pass(300);
      for (const client of this.clients) {
        this.#read(client, 1000);
        if (!client.hasConnection) client.connect(this.#pick(this.#living()));
      }
      for (const subscriber of this.subscribers) subscriber.subscribe("t/+");
    }
  }

  /** What the nodes take for open connections of one client. */
  openConnections({ connections }: DurableClient): number {
    const open = connections.filter(({ client, node }) => {
      return !this.killed.has(node) && !client.isEnded && !client.isDestroyed;
    });
    return open.length;
  }

  #publish(): void {
    const owedTo = this.subscribers.filter(({ isSubscribed }) => isSubscribed);
    const qos = this.#random() < 0.5 ? 1 : 2;
    this.#pick(this.publishers).publish(this.#pick(topics), qos, owedTo);
  }

  #read(client: DurableClient, count: number): void {
    for (let left = count; left > 0 && client.read(); left--);
  }

  #wander(): void {
    const client = this.#pick(this.clients);
    if (client instanceof DurableSubscriber && client.isReady && !client.isSubscribed) {
      client.subscribe("t/+");
      return;
    }
    // With a goodbye that its node hears, without one, or from a connection that lives on for its node.
    const dice = this.#random();
    if (dice < 0.5) client.lose(dice < 0.3);
    if (!client.isConnecting) client.connect(this.#pick(this.#living()));
  }

  async #harm(): Promise<void> {
    this.faults++;
    const { flock } = this.rig;
    const dice = this.#random();
    if (dice < 0.15) await this.rig.pass(Math.floor(this.#random() * 3000));
    else if (dice < 0.35) flock.isQuorate = !flock.isQuorate;
    else if (dice < 0.45) await this.rig.pass(11_000);
    else if (dice < 0.55 && this.killed.size === 0) this.#kill(this.#pick(this.nodes));
    else if (this.#cutOff !== null) this.#heal();
    else this.#cut(this.#pick(this.#living()));
  }

  #kill(node: RigNode): void {
    if (this.#cutOff === node) this.#cutOff = null;
    this.killed.add(node);
    node.cluster.setDown(true);
    for (const client of this.clients) {
      if (client.connections.at(-1)?.node === node) client.lose(false);
    }
  }

  #cut(node: RigNode): void {
    this.#cutOff = node;
    node.cluster.setDown(true);
  }

  #heal(): void {
    const node = this.#cutOff;
    this.#cutOff = null;
    if (node === null) return;
    const isBySnapshot = this.#random() < 0.4;
    if (isBySnapshot) this.rig.flock.install(node.cluster);
    node.cluster.setDown(false);
  }

  #living(): readonly RigNode[] {
    return this.nodes.filter((node) => !this.killed.has(node));
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)]!;
  }
}

function check(world: World): { acknowledged: number; repeated: number } {
  let acknowledged = 0;
  let repeated = 0;
  expect(world.rig.log.errors).toEqual([]);
  for (const client of world.clients) {
    expect(client.lostSessions, client.clientId).toBe(0);
    expect(world.openConnections(client), client.clientId).toBe(1);
  }
  const [first, ...others] = world.nodes.filter((node) => !world.killed.has(node));
  for (const other of others) expect(other.replica.digest()).toBe(first!.replica.digest());
  for (const publisher of world.publishers) {
    expect(publisher.openCount).toBe(0);
    acknowledged += publisher.sent.filter(({ state }) => state === "acknowledged").length;
  }
  for (const subscriber of world.subscribers) {
    expect(first!.replica.sessions.get(subscriber.clientId)?.queue.size).toBe(0);
    const { delivered } = subscriber;
    for (const publisher of world.publishers) {
      for (const { payload, qos, state, owedTo } of publisher.sent) {
        const times = delivered.filter((one) => one === payload).length;
        repeated += times > 1 ? 1 : 0;
        const isOwed = state === "acknowledged" && owedTo.includes(subscriber);
        if (isOwed) expect(times, payload).toBeGreaterThan(0);
        if (qos === 2) expect(times, payload).toBeLessThan(2);
      }
      // What was sent before it subscribed may come as a repetition, behind what it has by then.
      const owed = publisher.sent.filter(({ owedTo }) => owedTo.includes(subscriber));
      for (const topic of topics) {
        const inOrder = owed.filter((sent) => sent.topic === topic).map(({ payload }) => payload);
        const first = [...new Set(delivered)].filter((payload) => inOrder.includes(payload));
        expect(first).toEqual(inOrder.filter((payload) => first.includes(payload)));
      }
    }
  }
  return { acknowledged, repeated };
}

describe("stored sessions on three nodes that fail", () => {
  it("get what was acknowledged, QoS 2 once, in order, and have one connection", async () => {
    const seen = { acknowledged: 0, repeated: 0, faults: 0 };
    // Others by hand: SEED is the first, SEEDS how many.
    const firstSeed = Number(process.env["SEED"] ?? 1);
    const seeds = Number(process.env["SEEDS"] ?? 15);
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const world = new World(seed);
      try {
        for (let count = 0; count < 400; count++) await world.step();
        await world.end();
        const { acknowledged, repeated } = check(world);
        seen.acknowledged += acknowledged;
        seen.repeated += repeated;
        seen.faults += world.faults;
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    // Else it has proved nothing.
    expect(seen.acknowledged).toBeGreaterThan(100);
    expect(seen.repeated).toBeGreaterThan(5);
    expect(seen.faults).toBeGreaterThan(100);
  }, 60_000);
});
