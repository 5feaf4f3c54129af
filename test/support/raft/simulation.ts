import type { NodeId } from "../../../cluster/node-id.ts";
import type { Message } from "../../../cluster/raft/messages.ts";
import type { ConfigChange, MembershipStep } from "../../../cluster/raft/types.ts";
import { decodeMessage, EntryBlocks, encodeMessage } from "../../../cluster/wire/raft-codec.ts";
import { ClusterFacts } from "./cluster-facts.ts";
import { configurationOf, nodeIdOf, optionsOf, seededRandom } from "./nodes.ts";
import { type AppliedState, SimulatedDisk } from "./simulated-disk.ts";
import { SimulatedNode } from "./simulated-node.ts";

interface Packet {
  readonly dueAt: number;
  readonly bytes: Uint8Array;
  readonly state: AppliedState | null;
}

/** How rough the weather is; drawn from the seed. */
interface Weather {
  loss: number;
  duplication: number;
  delayMax: number;
  crash: number;
  partition: number;
  slowDisk: number;
}

const calm: Weather = {
  loss: 0,
  duplication: 0,
  delayMax: 1,
  crash: 0,
  partition: 0,
  slowDisk: 0,
};

/** A whole cluster under one seed: network, disks, crashes, membership. `ClusterFacts` throws at the first broken promise. */
export class Simulation {
  readonly facts = new ClusterFacts();
  readonly #random: () => number;
  readonly #disks = new Map<NodeId, SimulatedDisk>();
  readonly #nodes = new Map<NodeId, SimulatedNode>();
  readonly #blocks = new EntryBlocks();
  readonly #retired = new Set<NodeId>();
  #packets: Packet[] = [];
  #cut = new Set<string>();
  #weather: Weather;
  #now = 0;
  #proposals = 0;
  readsAnswered = 0;
  snapshotsSent = 0;
  elections = 0;
  changes = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    const isGrowing = this.#chance(0.5);
    const size = isGrowing ? 5 : this.#pick([3, 4, 5]);
    const numbers = Array.from({ length: size }, (_, at) => at + 1);
    for (const number of numbers) {
      // A growing cluster has one founder; the others know nothing and come in as learners.
      const configuration = configurationOf(isGrowing ? (number === 1 ? [1] : []) : numbers);
      this.#disks.set(nodeIdOf(number), new SimulatedDisk(isGrowing ? 0 : 1, configuration));
      this.#start(nodeIdOf(number));
    }
    this.#weather = {
      loss: this.#pick([0, 0.05, 0.2]),
      duplication: this.#pick([0, 0.1]),
      delayMax: this.#pick([1, 3, 12]),
      crash: this.#pick([0, 0.005, 0.02]),
      partition: this.#pick([0, 0.01, 0.03]),
      slowDisk: this.#pick([0, 0.4, 0.8]),
    };
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)]!;
  }

  #start(nodeId: NodeId): void {
    const options = optionsOf(Number.parseInt(nodeId, 16), {
      random: this.#random,
      appendSizeBytesMax: this.#pick([1, 200]),
      inflightAppendsMax: this.#pick([1, 4]),
    });
    const surroundings = {
      facts: this.facts,
      disks: this.#disks,
      send: (message: Message) => this.#send(message),
    };
    this.#nodes.set(nodeId, new SimulatedNode(options, this.#disks.get(nodeId)!, surroundings));
  }

  #send(message: Message): void {
    let state: AppliedState | null = null;
    if (message.type === "vote") {
      this.elections += 1;
    }
    if (message.type === "snapshot") {
      this.snapshotsSent += 1;
      state = this.#disks.get(message.from)!.state;
      if (state.point.index === 0 || this.#chance(this.#weather.loss)) {
        this.#nodes.get(message.from)?.raft.reportSnapshot(message.to, "failed");
        return;
      }
    } else if (this.#chance(this.#weather.loss)) {
      return;
    }
    const bytes = encodeMessage(message, this.#blocks);
    const copies = message.type !== "snapshot" && this.#chance(this.#weather.duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const dueAt = this.#now + 1 + Math.floor(this.#random() * this.#weather.delayMax);
      this.#packets.push({ dueAt, bytes, state });
    }
  }

  #deliver(): void {
    const due = this.#packets.filter((packet) => packet.dueAt <= this.#now);
    this.#packets = this.#packets.filter((packet) => packet.dueAt > this.#now);
    for (const { bytes, state } of due) {
      const message = decodeMessage(bytes);
      const node = this.#nodes.get(message.to);
      const isLost = node === undefined || this.#cut.has(`${message.from} ${message.to}`);
      if (message.type === "snapshot") {
        if (!isLost && state !== null) {
          node.receiveSnapshot(message, state);
        }
        const outcome = isLost ? "failed" : "finished";
        this.#nodes.get(message.from)?.raft.reportSnapshot(message.to, outcome);
      } else if (!isLost) {
        node.raft.step(message);
      }
    }
  }

  #weatherStep(): void {
    const { crash, partition } = this.#weather;
    for (const [nodeId, disk] of this.#disks) {
      const node = this.#nodes.get(nodeId);
      if (node === undefined) {
        if (this.#chance(0.1)) {
          this.#start(nodeId);
        }
      } else if (this.#chance(crash)) {
        this.#crash(nodeId, node, disk);
      }
    }
    if (this.#chance(partition)) {
      const nodeIds = [...this.#disks.keys()];
      const side = new Set(nodeIds.filter(() => this.#chance(0.5)));
      const isOneWay = this.#chance(0.3);
      for (const from of nodeIds) {
        for (const to of nodeIds) {
          if (side.has(from) !== side.has(to) && (!isOneWay || side.has(from))) {
            this.#cut.add(`${from} ${to}`);
          }
        }
      }
    } else if (this.#chance(0.03)) {
      this.#cut.clear();
    }
  }

  #crash(nodeId: NodeId, node: SimulatedNode, disk: SimulatedDisk): void {
    this.readsAnswered += node.readsAnswered;
    disk.crash(Math.floor(this.#random() * (disk.queueLength + 1)));
    this.#nodes.delete(nodeId);
    for (const other of this.#nodes.values()) {
      if (this.#chance(0.7)) {
        other.raft.leaderUnreachable(nodeId);
        other.raft.reportUnreachable(nodeId);
      }
    }
  }

  #clients(): void {
    for (const node of this.#nodes.values()) {
      if (this.#chance(0.3)) {
        const data = Array.from({ length: this.#pick([1, 1, 3]) }, () =>
          Buffer.from(`p${this.#proposals++}`),
        );
        node.raft.propose(data);
      }
      if (this.#chance(0.1)) {
        node.read();
      }
      if (this.#chance(0.02)) {
        node.compact(this.#pick([0, 1, 10]));
      }
    }
  }

  #administrator(): void {
    for (const node of this.#nodes.values()) {
      const { role, configuration } = node.raft.status();
      if (role === "leader" && this.#chance(0.05)) {
        const steps = this.#chooseSteps(configuration.voters, configuration.learners);
        const change: ConfigChange = { type: "change", steps, context: new Uint8Array(0) };
        if (node.raft.proposeConfigChange(change).status === "accepted") {
          this.changes += 1;
          for (const { type, nodeId } of steps) {
            if (type === "remove") {
              // A removed id never comes back, also if the removal itself gets lost.
              this.#retired.add(nodeId);
            }
          }
        }
      }
      if (role === "leader" && this.#chance(0.01)) {
        node.raft.transferLeadership(this.#pick(configuration.voters));
      }
    }
  }

  #chooseSteps(voters: readonly NodeId[], learners: readonly NodeId[]): MembershipStep[] {
    const outside = [...this.#disks.keys()].filter(
      (nodeId) =>
        !voters.includes(nodeId) && !learners.includes(nodeId) && !this.#retired.has(nodeId),
    );
    if (outside.length > 0 && this.#chance(0.5)) {
      return [{ type: "addLearner", nodeId: this.#pick(outside) }];
    }
    const steps: MembershipStep[] = [];
    for (const nodeId of learners) {
      if (this.#chance(0.7)) {
        steps.push({ type: "addVoter", nodeId });
      }
    }
    if (voters.length > 1 && this.#chance(0.4)) {
      const nodeId = this.#pick(voters);
      const isRemoval = this.#chance(0.2) && this.#disks.size - this.#retired.size > 3;
      steps.push({ type: isRemoval ? "remove" : "addLearner", nodeId });
    }
    return steps;
  }

  step(): void {
    this.#now += 1;
    this.#weatherStep();
    this.#deliver();
    this.#clients();
    this.#administrator();
    this.#run();
  }

  #run(): void {
    for (const node of this.#nodes.values()) {
      if (this.#chance(0.9)) {
        node.raft.tick();
      }
      node.pump();
      while (node.disk.queueLength > 0 && !this.#chance(this.#weather.slowDisk)) {
        node.sync();
      }
      node.pump();
    }
  }

  /** Better weather: everybody is up and connected; then the cluster must agree within the time allowed. */
  heal(steps: number): void {
    this.#weather = calm;
    this.#cut.clear();
    for (const nodeId of this.#disks.keys()) {
      if (!this.#nodes.has(nodeId)) {
        this.#start(nodeId);
      }
    }
    let proposedIndex = 0;
    for (let at = 0; at < steps; at += 1) {
      this.#now += 1;
      this.#deliver();
      const leader = this.#leader();
      if (proposedIndex === 0 && at > steps / 2 && leader !== undefined) {
        const result = leader.raft.propose([Buffer.from("last")]);
        proposedIndex = result.status === "accepted" ? result.index : 0;
      }
      this.#run();
      if (proposedIndex > 0 && this.#isAgreed(proposedIndex)) {
        return;
      }
    }
    const states = [...this.#nodes.values()].map(({ raft }) => JSON.stringify(raft.status()));
    throw new Error(`broken: no agreement after healing\n${states.join("\n")}`);
  }

  #leader(): SimulatedNode | undefined {
    const leaders = [...this.#nodes.values()].filter(
      (node) => node.raft.status().role === "leader",
    );
    return leaders.sort((a, b) => b.raft.status().term - a.raft.status().term)[0];
  }

  #isAgreed(index: number): boolean {
    const configuration = this.#leader()?.configuration;
    if (configuration === undefined || configuration.votersOutgoing.length > 0) {
      return false;
    }
    const members = [...configuration.voters, ...configuration.learners];
    const digests = members.map((nodeId) => this.#nodes.get(nodeId)!.state);
    return digests.every(
      (state) => state.point.index >= index && state.digest === digests[0]!.digest,
    );
  }
}
