import { type Cancel, type Clock, type Cluster, ClusterError, type Log } from "#cluster";
import type { DrainState } from "./api/ports.ts";
import type { Drain } from "./broker/drain.ts";
import { isLoopbackHost } from "./config/values.ts";
import {
  type ClientAddress,
  decodeClientAddress,
  encodeClientAddress,
  serverReferenceOf,
} from "./server-reference.ts";

export interface NodeDrainOptions {
  readonly cluster: Cluster;
  readonly clients: Drain;
  readonly clock: Clock;
  readonly log: Log;
  /** Of this node. */
  readonly address: () => ClientAddress;
  /** The doors of these names are left to the other nodes there, all others are open. */
  readonly leaveDoors: (names: ReadonlySet<string>) => void;
}

/** Where other nodes take clients is asked again so often, since that changes meanwhile. */
const refreshMs = 1000;
const addressTimeoutMs = 1000;
const addressRequestKind = "client-address";

/**
 * Empties this node before it is stopped: first its clients, then its leadership. All of it is in memory, so that a node which
 * is started again takes clients as before.
 */
export class NodeDrain {
  readonly #options: NodeDrainOptions;
  #servers: readonly string[] = [];
  /** What each other node said last. */
  #answers: ReadonlyMap<string, ClientAddress> = new Map();
  #disarm: Cancel | null = null;
  /** Names of the doors on this machine at which another node takes clients. */
  #doorsOfOthers: ReadonlySet<string> = new Set();
  #isHandingOver = false;
  #transferProblem: string | null = null;
  #isDrainedTold = false;

  constructor(options: NodeDrainOptions) {
    this.#options = options;
  }

  get isOn(): boolean {
    return this.#options.clients.isOn;
  }

  /** Begins to answer other nodes that ask where clients find this one. */
  start(): void {
    this.#options.cluster.onRequest(addressRequestKind, async () =>
      encodeClientAddress(this.#options.address()),
    );
  }

  stop(): void {
    this.#disarm?.();
    this.#disarm = null;
  }

  /** Rejects with ClusterError `change-refused` when no other node takes clients. */
  async begin(clientsPerSecond: number): Promise<void> {
    const { clients, log } = this.#options;
    const isAnyoneReady = await this.#findServers();
    if (!isAnyoneReady) {
      throw new ClusterError("change-refused", "no other node is ready to take its clients");
    }
    this.#isDrainedTold = false;
    this.#transferProblem = null;
    clients.begin({ clientsPerSecond, servers: () => this.#servers });
    this.#leaveDoors();
    log.info({ clientsPerSecond, servers: this.#servers }, "draining: clients are moved away");
    if (this.#disarm === null) this.#arm();
  }

  cancel(): void {
    if (!this.isOn) return;
    this.stop();
    this.#options.clients.cancel();
    this.#options.leaveDoors(new Set());
    this.#options.log.info({}, "draining was cancelled: this node takes clients again");
  }

  state(): DrainState {
    const { clients, cluster } = this.#options;
    const { clientsLeft, clientsMoved, clientsUnsettled } = clients.progress();
    const isMoving = clientsLeft > 0 || clientsUnsettled > 0;
    const phase = !this.isOn ? "off" : isMoving ? "moving" : this.#leadershipPhase();
    const isStuck = phase === "moving" && clientsLeft === 0 && !cluster.hasQuorum();
    const problem = isStuck ? "no quorum: the log does not hear that its clients left" : null;
    return {
      node: cluster.name,
      phase,
      clientsLeft,
      clientsMoved,
      problem: phase === "handing-over" ? this.#transferProblem : problem,
    };
  }

  #leadershipPhase(): "handing-over" | "drained" {
    return this.#isLeader() ? "handing-over" : "drained";
  }

  #isLeader(): boolean {
    return this.#options.cluster.members().some(({ isSelf, isLeader }) => isSelf && isLeader);
  }

  #arm(): void {
    this.#disarm = this.#options.clock.after(refreshMs, () => {
      void this.#findServers().then(() => this.#leaveDoors());
      void this.#goOn();
      this.#arm();
    });
  }

  /** Leadership goes last, and again should it come back. */
  async #goOn(): Promise<void> {
    const { phase } = this.state();
    if (phase === "handing-over" && !this.#isHandingOver) await this.#handOver();
    if (this.state().phase !== "drained" || this.#isDrainedTold) return;
    this.#isDrainedTold = true;
    const { clientsMoved } = this.state();
    this.#options.log.info({ clientsMoved }, "this node is drained");
  }

  async #handOver(): Promise<void> {
    this.#isHandingOver = true;
    try {
      await this.#options.cluster.transferLeadership(null);
      this.#transferProblem = null;
    } catch (error) {
      this.#transferProblem = error instanceof Error ? error.message : String(error);
    } finally {
      this.#isHandingOver = false;
    }
  }

  /** To the others there, or else it stays and tells who comes where to go. */
  #leaveDoors(): void {
    if (this.isOn) this.#options.leaveDoors(this.#doorsOfOthers);
  }

  /** Answers whether any other node is ready. */
  async #findServers(): Promise<boolean> {
    const { cluster, address } = this.#options;
    const { host, machine } = address();
    const areClientsLocal = isLoopbackHost(host);
    const others = cluster.members().filter(({ isSelf, state }) => !isSelf && state === "up");
    const answers = new Map<string, ClientAddress>();
    const ready: (string | null)[] = [];
    const doors: string[] = [];
    const asked = others.map(async (member) => ({ member, found: await this.#ask(member.nodeId) }));
    for (const { member, found } of await Promise.all(asked)) {
      if (found === null) continue;
      answers.set(member.nodeId, found);
      if (!found.isReady) continue;
      ready.push(serverReferenceOf(found, member, areClientsLocal));
      if (machine !== null && found.machine === machine) doors.push(...found.sharedDoors);
    }
    this.#answers = answers;
    this.#servers = [...new Set(ready.filter((server) => server !== null))];
    this.#doorsOfOthers = new Set(doors);
    return ready.length > 0;
  }

  /** Null for a node that never said where it takes clients: it is sent none. */
  async #ask(nodeId: string): Promise<ClientAddress | null> {
    const { cluster } = this.#options;
    try {
      const nothing = new Uint8Array(0);
      const answer = await cluster.request(nodeId, addressRequestKind, nothing, addressTimeoutMs);
      return decodeClientAddress(answer);
    } catch {
      // Busy with the clients that it was sent, perhaps; one that is gone is not up for long.
      return this.#answers.get(nodeId) ?? null;
    }
  }
}
