import type {
  Clock,
  Cluster,
  ClusterStatus,
  CommandContext,
  CompactedLog,
  InterestHandler,
  LinkStats,
  MemberView,
  NodeId,
  ProposalOutcome,
  StateMachine,
  StateWriter,
} from "#cluster";
import { Histogram, latencyBoundsSeconds } from "#cluster";

type RequestHandler = (from: NodeId, payload: Uint8Array) => Promise<Uint8Array>;

interface Proposal {
  readonly origin: FakeCluster;
  readonly command: Uint8Array;
  /** Null once its proposer was told "unknown". */
  done: ((outcome: ProposalOutcome) => void) | null;
}

interface Applied {
  readonly command: Uint8Array;
  readonly context: CommandContext;
}

const nowhere: StateWriter = {
  put() {
    // The state machine keeps its own copy; nothing of this outlives the test.
  },
  delete() {
    // As above.
  },
};

/**
 * A flock in one process: one ordered log that every node applies, interest and forwards that arrive at the end of the
 * turn. Faults are switches.
 */
export class FakeFlock {
  readonly clock: Clock;
  readonly nodes: FakeCluster[] = [];
  /** Whether the first node that is not down leads; else the first leads whatever happens to it. */
  isElecting = false;
  #log: Proposal[] = [];
  /** What was applied, for those who were down then; and the records it led to. */
  readonly #history: Applied[] = [];
  readonly #records = new Map<string, Uint8Array>();
  /** Entries whose records are in `#records`. */
  #recorded = 0;
  #index = 0;
  #isQuorate = true;
  readonly #untilQuorate: (() => void)[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  addNode(stateMachine: StateMachine): FakeCluster {
    const at = this.nodes.length + 1;
    const node = new FakeCluster(this, `n${at}`, String(at).padStart(32, "0"), stateMachine);
    this.nodes.push(node);
    return node;
  }

  get isQuorate(): boolean {
    return this.#isQuorate;
  }

  get index(): number {
    return this.#index;
  }

  /** Without a quorum proposals wait; with one again they are applied, even when their proposer gave up. */
  set isQuorate(isQuorate: boolean) {
    this.#isQuorate = isQuorate;
    if (!isQuorate) return;
    this.clock.endOfTurn(() => this.#apply());
  }

  whenQuorate(run: () => void): void {
    this.#untilQuorate.push(run);
  }

  /** It was down, and learns now what it missed. */
  returned(node: FakeCluster): void {
    this.#catchUp(node);
    this.clock.endOfTurn(() => this.#apply());
  }

  append(proposal: Proposal): void {
    this.#log.push(proposal);
    this.clock.endOfTurn(() => this.#apply());
  }

  /** The node gets what it missed as a snapshot, not as entries. */
  install(node: FakeCluster): void {
    this.#catchUp(this.#upToDate(node));
    node.applied = this.#history.length;
    node.stateMachine.reset();
    for (const key of [...this.#records.keys()].sort()) {
      node.stateMachine.restore(key, this.#records.get(key)!);
    }
    node.stateMachine.restored();
  }

  #upToDate(except: FakeCluster): FakeCluster {
    return this.nodes.find((node) => node !== except && !node.isDown) ?? except;
  }

  /** A node that is down has its proposals to itself until it is back. */
  #apply(): void {
    if (!this.#isQuorate) return;
    const held: Proposal[] = [];
    for (const proposal of this.#log.splice(0)) {
      const { origin, command, done } = proposal;
      if (origin.isDown) {
        held.push(proposal);
        continue;
      }
      const index = ++this.#index;
      const context = { index, timeMs: this.clock.wallMs(), origin: origin.nodeId };
      this.#history.push({ command, context });
      for (const node of this.nodes) {
        if (node.isDown) continue;
        const result = this.#catchUp(node);
        // As in a real flock: before the turn ends, to which listeners put off what they must not do while it is applied.
        if (node === origin) done?.({ status: "applied", index, result });
      }
    }
    this.#log = [...held, ...this.#log];
    // Reads that waited for a quorum, as in a real flock: as soon as all before them is applied.
    for (const run of this.#untilQuorate.splice(0)) run();
  }

  /** Answers the result of the last entry. */
  #catchUp(node: FakeCluster): unknown {
    let result: unknown = null;
    while (node.applied < this.#history.length) {
      const { command, context } = this.#history[node.applied]!;
      const isFirst = node.applied === this.#recorded;
      if (isFirst) this.#recorded++;
      node.applied++;
      result = node.stateMachine.apply(command, context, isFirst ? this.#writer : nowhere);
    }
    return result;
  }

  readonly #writer: StateWriter = {
    put: (key, value) => this.#records.set(key, Uint8Array.from(value)),
    delete: (key) => this.#records.delete(key),
  };
}

export class FakeCluster implements Cluster {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly clusterId = "c".repeat(32);
  readonly peerPort = 7001;
  readonly incarnation = 1;
  readonly stateMachine: StateMachine;
  /** Seen by the others as down: nothing reaches it. */
  isDown = false;
  /** Nobody else votes: reads need not ask. */
  isAlone = false;
  /** Answers "dropped" to every forward to these nodes. */
  readonly refusing = new Set<NodeId>();
  /** What `propose` answers instead of the log. */
  rejection: "overloaded" | "too-large" | null = null;
  /** Entries of the log. */
  applied = 0;
  /** Commands given to `propose`. */
  proposed = 0;
  readonly #flock: FakeFlock;
  readonly #interest = new Map<string, number>();
  readonly #requests = new Map<string, RequestHandler>();
  readonly #membersHandlers: (() => void)[] = [];
  #interestHandler: InterestHandler | null = null;
  #forwardHandler: ((from: NodeId, frame: Uint8Array) => void) | null = null;

  constructor(flock: FakeFlock, name: string, nodeId: NodeId, stateMachine: StateMachine) {
    this.#flock = flock;
    this.name = name;
    this.nodeId = nodeId;
    this.stateMachine = stateMachine;
  }

  propose(command: Uint8Array, timeoutMs: number, done: (outcome: ProposalOutcome) => void): void {
    this.proposed++;
    const { clock } = this.#flock;
    if (this.rejection) {
      const reason = this.rejection;
      clock.endOfTurn(() => done({ status: "rejected", reason }));
      return;
    }
    const proposal: Proposal = { origin: this, command, done: null };
    const cancel = clock.after(timeoutMs, () => {
      proposal.done = null;
      done({ status: "unknown", reason: "timeout" });
    });
    proposal.done = (outcome) => {
      cancel();
      done(outcome);
    };
    this.#flock.append(proposal);
  }

  readBarrier(timeoutMs: number): Promise<"ok" | "no-quorum"> {
    const { clock } = this.#flock;
    return new Promise((resolve) => {
      const answer = (): void => resolve("ok");
      if (this.#flock.isQuorate && !this.isDown) clock.endOfTurn(answer);
      else {
        if (!this.isDown) this.#flock.whenQuorate(answer);
        clock.after(timeoutMs, () => resolve("no-quorum"));
      }
    });
  }

  isInStep(): boolean {
    return this.isAlone && this.#flock.isQuorate && !this.isDown;
  }

  stalenessMs(): number {
    return 0;
  }

  hasQuorum(): boolean {
    return this.#flock.isQuorate;
  }

  setInterest(key: string, weight: number): void {
    if (weight === 0) this.#interest.delete(key);
    else this.#interest.set(key, weight);
    this.#flock.clock.endOfTurn(() => {
      for (const peer of this.#peers()) {
        peer.#interestHandler?.changed(this.nodeId, [{ key, weight }]);
      }
    });
  }

  interestBarrier(_timeoutMs: number): Promise<"live" | "timeout"> {
    return new Promise((resolve) => this.#flock.clock.endOfTurn(() => resolve("live")));
  }

  onInterest(handler: InterestHandler): void {
    this.#interestHandler = handler;
    for (const peer of this.#peers()) {
      const known = [...peer.#interest].map(([key, weight]) => ({ key, weight }));
      if (known.length > 0) handler.changed(peer.nodeId, known);
    }
  }

  forward(
    to: NodeId,
    frame: Uint8Array,
    _delivery: "atMostOnce" | "atLeastOnce",
  ): "queued" | "dropped" {
    const peer = this.#peers().find((node) => node.nodeId === to);
    if (!peer || peer.isDown || this.isDown || this.refusing.has(to)) return "dropped";
    // The sender may write over it.
    const copy = Buffer.from(frame);
    this.#flock.clock.endOfTurn(() => peer.#forwardHandler?.(this.nodeId, copy));
    return "queued";
  }

  onForward(handler: (from: NodeId, frame: Uint8Array) => void): void {
    this.#forwardHandler = handler;
  }

  request(to: NodeId, kind: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { clock } = this.#flock;
    const peer = this.#peers().find((node) => node.nodeId === to);
    const handler = peer && !peer.isDown && !this.isDown ? peer.#requests.get(kind) : undefined;
    return new Promise((resolve, reject) => {
      const cancel = clock.after(timeoutMs, () => reject(new Error("timeout")));
      if (!handler) return;
      clock.endOfTurn(() => {
        handler(this.nodeId, payload)
          .then((answer) => {
            cancel();
            resolve(answer);
          })
          .catch(reject);
      });
    });
  }

  onRequest(kind: string, handler: RequestHandler): void {
    this.#requests.set(kind, handler);
  }

  members(): readonly MemberView[] {
    const { nodes, isElecting } = this.#flock;
    const leaderAt = isElecting ? nodes.findIndex((node) => !node.isDown) : 0;
    return this.#flock.nodes.map((node, at) => ({
      nodeId: node.nodeId,
      name: node.name,
      addresses: [],
      isVoter: true,
      isSelf: node === this,
      isLeader: at === leaderAt,
      state: node.isDown && node !== this ? "down" : "up",
    }));
  }

  onMembersChanged(handler: () => void): void {
    this.#membersHandlers.push(handler);
  }

  /** Makes the others see this node as down, or up again. */
  setDown(isDown: boolean): void {
    this.isDown = isDown;
    if (!isDown) this.#flock.returned(this);
    for (const peer of this.#peers()) for (const handler of peer.#membersHandlers) handler();
  }

  status(): Promise<ClusterStatus> {
    return Promise.resolve({
      clusterId: this.clusterId,
      inSync: true,
      quorum: this.#flock.isQuorate,
      leader: "n1",
      term: 1,
      nodes: [],
      reasons: [],
    });
  }

  verify(): Promise<ClusterStatus> {
    return this.status();
  }

  compactLog(): Promise<readonly CompactedLog[]> {
    return Promise.resolve([{ name: this.name, index: this.#flock.index }]);
  }

  isReady(): boolean {
    return true;
  }

  readiness(): readonly { readonly name: string; readonly isOk: boolean }[] {
    return [];
  }

  whenReady(): Promise<void> {
    return Promise.resolve();
  }

  removeMember(_nodeId: NodeId): Promise<void> {
    return Promise.resolve();
  }

  transferLeadership(to: NodeId | null): Promise<NodeId> {
    return Promise.resolve(to ?? this.nodeId);
  }

  linkStats(): readonly LinkStats[] {
    return [];
  }

  readonly commitLatency = new Histogram(latencyBoundsSeconds);

  metrics(): ReadonlyMap<string, number> {
    return new Map();
  }

  stop(_timeoutMs: number): Promise<void> {
    return Promise.resolve();
  }

  #peers(): readonly FakeCluster[] {
    return this.#flock.nodes.filter((node) => node !== this);
  }
}
