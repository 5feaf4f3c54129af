import type { RaftOptions } from "../../../cluster/raft/api.ts";
import { decodeConfigChange } from "../../../cluster/raft/config-change-codec.ts";
import type { Message } from "../../../cluster/raft/messages.ts";
import { Raft } from "../../../cluster/raft/raft.ts";
import { type Configuration, type Entry, EntryType } from "../../../cluster/raft/types.ts";
import { nodeNumber, optionsOf } from "./nodes.ts";
import { showConfiguration, showEntry, showMessage, showNode, showWrite } from "./script-format.ts";
import { type AppliedState, SimulatedDisk } from "./simulated-disk.ts";

interface ScriptNode {
  raft: Raft;
  readonly disk: SimulatedDisk;
  readonly options: RaftOptions;
  staged: AppliedState | null;
  lastRole: string;
}

/** Which messages to a node are meant; an empty list means all. */
export interface MessageFilter {
  readonly types: readonly string[];
  readonly from: readonly number[];
}

/** What a node of a script starts with. */
interface NodeOutset {
  /** Where its log begins: everything up to here is committed state. */
  readonly index: number;
  readonly configuration: Configuration;
  /** The terms of the uncommitted entries that follow. */
  readonly terms: readonly number[];
  /** At least this; the terms of the entries may say more. */
  readonly term: number;
  readonly overrides: Partial<RaftOptions>;
}

/** The nodes of a script, the messages between them, and what they did since the last command. */
export class ScriptWorld {
  readonly #nodes = new Map<number, ScriptNode>();
  #packets: Message[] = [];
  #held: Message[] = [];
  #lines: string[] = [];

  takeLines(): string[] {
    return this.#lines.splice(0);
  }

  say(line: string): void {
    this.#lines.push(line);
  }

  get numbers(): readonly number[] {
    return [...this.#nodes.keys()];
  }

  addNode(number: number, { index, configuration, terms, term, overrides }: NodeOutset): void {
    const disk = new SimulatedDisk(index, configuration, terms);
    disk.hardState = { ...disk.hardState, term: Math.max(term, disk.hardState.term) };
    const options = optionsOf(number, overrides);
    const raft = new Raft(options, disk.restore());
    this.#nodes.set(number, { raft, disk, options, staged: null, lastRole: "" });
    this.#noticeRole(number, false);
  }

  #node(number: number): ScriptNode {
    const node = this.#nodes.get(number);
    if (node === undefined) {
      throw new Error(`there is no node ${number}`);
    }
    return node;
  }

  raft(number: number): Raft {
    return this.#node(number).raft;
  }

  entries(number: number): readonly Entry[] {
    return this.#node(number).disk.entries;
  }

  /** Runs something on a node and tells of a change of role. */
  on(number: number, run: (raft: Raft) => void): void {
    run(this.#node(number).raft);
    this.#noticeRole(number, true);
  }

  #noticeRole(number: number, isTold: boolean): void {
    const node = this.#node(number);
    const { role, term, leader } = node.raft.status();
    const now = `${role} term=${term} leader=${showNode(leader)}`;
    if (isTold && now !== node.lastRole) {
      this.say(`n${number} is ${now}`);
    }
    node.lastRole = now;
  }

  hasReady(number: number): boolean {
    return this.#node(number).raft.hasReady();
  }

  processReady(number: number): void {
    const node = this.#node(number);
    const { raft, disk } = node;
    const { messages, write, committed, readStates, readsDropped } = raft.ready();
    this.say(`n${number} ready`);
    for (const message of messages) {
      this.#send(message);
    }
    if (write !== null) {
      this.say(`  ${showWrite(write)}`);
      for (const message of write.messages) {
        this.say(`    then ${showMessage(message)}`);
      }
      const staged = write.snapshot === null ? null : node.staged;
      disk.put({ type: "write", write, staged });
    }
    this.#apply(node, committed);
    for (const { requestId, index } of readStates) {
      this.say(`  read #${requestId} at ${index}`);
    }
    for (const requestId of readsDropped) {
      this.say(`  read #${requestId} dropped`);
    }
    this.#noticeRole(number, true);
  }

  #apply({ raft, disk }: ScriptNode, committed: readonly Entry[]): void {
    for (const entry of committed) {
      this.say(`  apply ${showEntry(entry)}`);
      if (entry.type === EntryType.configChange) {
        const change = decodeConfigChange(entry.data);
        this.say(`  ${showConfiguration(raft.applyConfigChange(change, entry.index))}`);
      }
    }
    const last = committed.at(-1);
    if (last !== undefined) {
      raft.applied(last.index);
      const { configuration } = raft.status();
      const point = { index: last.index, term: last.term, configuration };
      disk.put({ type: "applied", state: { point, digest: 0 } });
    }
  }

  #send(message: Message): void {
    this.say(`  ${showMessage(message)}`);
    this.#packets.push(message);
  }

  hasWrites(number: number): boolean {
    return this.#node(number).disk.queueLength > 0;
  }

  /** The disk finishes the oldest write; what follows it, up to the next write, goes with it. */
  sync(number: number): void {
    const { raft, disk } = this.#node(number);
    for (let change = disk.sync(); change !== undefined; change = disk.sync()) {
      if (change.type === "write") {
        this.say(`n${number} synced #${change.write.id}`);
        raft.writeDone(change.write.id);
        for (const message of change.write.messages) {
          this.#send(message);
        }
        this.#noticeRole(number, true);
        return;
      }
    }
  }

  hasMessages(number: number): boolean {
    return this.#packets.some((message) => nodeNumber(message.to) === number);
  }

  /** `isKept`: the network has a second copy, for later. */
  deliver(number: number, filter: MessageFilter, isDropping: boolean, isKept: boolean): void {
    const meant = this.#take(number, filter);
    this.#held.push(...(isKept ? meant : []));
    for (const message of meant) {
      this.say(`${isDropping ? "drop" : "deliver"} ${showMessage(message)}`);
      if (!isDropping) {
        this.#deliverOne(message);
      }
    }
  }

  #take(number: number, { types, from }: MessageFilter): readonly Message[] {
    const isMeant = (message: Message): boolean =>
      nodeNumber(message.to) === number &&
      (types.length === 0 || types.includes(message.type)) &&
      (from.length === 0 || from.includes(nodeNumber(message.from)));
    const meant = this.#packets.filter(isMeant);
    this.#packets = this.#packets.filter((message) => !isMeant(message));
    return meant;
  }

  /** Messages get lost on the way, and arrive after all with `deliverHeld`, even after a restart. */
  hold(number: number, filter: MessageFilter): void {
    for (const message of this.#take(number, filter)) {
      this.say(`hold ${showMessage(message)}`);
      this.#held.push(message);
    }
  }

  deliverHeld(number: number): void {
    const late = this.#held.filter((message) => nodeNumber(message.to) === number);
    this.#held = this.#held.filter((message) => nodeNumber(message.to) !== number);
    for (const message of late) {
      this.say(`late ${showMessage(message)}`);
      this.#deliverOne(message);
    }
  }

  #deliverOne(message: Message): void {
    const to = nodeNumber(message.to);
    if (message.type === "snapshot") {
      this.sendSnapshot(nodeNumber(message.from), to, message.term);
    } else {
      this.on(to, (raft) => raft.step(message));
    }
  }

  /** What a driver does: the sender's durable state travels, and the sender's core hears how it ended. */
  sendSnapshot(from: number, to: number, term: number, isReported = true): void {
    const sender = this.#node(from);
    const receiver = this.#node(to);
    const { state } = sender.disk;
    const { nodeId } = receiver.options;
    const isWanted = receiver.raft.acceptsSnapshot(state.point);
    this.say(
      `state at ${state.point.index} n${from} -> n${to} ${isWanted ? "staged" : "not wanted"}`,
    );
    receiver.staged = state;
    const header = { type: "snapshot", from: sender.options.nodeId, to: nodeId, term } as const;
    this.on(to, (raft) => raft.step({ ...header, snapshot: state.point }));
    if (isReported) {
      sender.raft.reportSnapshot(nodeId, "finished");
    }
  }

  /** The process ends; what the disk had not finished is lost, and so is what was on its way to the node. */
  restart(number: number): void {
    const node = this.#node(number);
    node.disk.crash(0);
    this.#packets = this.#packets.filter((message) => nodeNumber(message.to) !== number);
    node.raft = new Raft(node.options, node.disk.restore());
    this.#noticeRole(number, true);
  }
}
