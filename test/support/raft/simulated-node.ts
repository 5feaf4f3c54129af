import type { NodeId } from "../../../cluster/node-id.ts";
import type { RaftOptions } from "../../../cluster/raft/api.ts";
import { decodeConfigChange } from "../../../cluster/raft/config-change-codec.ts";
import type { Message } from "../../../cluster/raft/messages.ts";
import { Raft } from "../../../cluster/raft/raft.ts";
import { type Configuration, type Entry, EntryType } from "../../../cluster/raft/types.ts";
import type { ClusterFacts } from "./cluster-facts.ts";
import type { AppliedState, DiskChange, SimulatedDisk } from "./simulated-disk.ts";

export interface NodeSurroundings {
  readonly facts: ClusterFacts;
  readonly disks: ReadonlyMap<NodeId, SimulatedDisk>;
  readonly send: (message: Message) => void;
}

const readyLoopsMax = 50;

/** One running process: a core and the driver that it asks for, over a disk that outlives it. */
export class SimulatedNode {
  readonly raft: Raft;
  readonly disk: SimulatedDisk;
  readonly #surroundings: NodeSurroundings;
  readonly #readFloors = new Map<number, number>();
  #nextReadId = 1;
  #staged: AppliedState | null = null;
  state: AppliedState;
  readsAnswered = 0;

  constructor(options: RaftOptions, disk: SimulatedDisk, surroundings: NodeSurroundings) {
    this.raft = new Raft(options, disk.restore());
    this.disk = disk;
    this.state = disk.state;
    this.#surroundings = surroundings;
  }

  get configuration(): Configuration {
    return this.raft.status().configuration;
  }

  read(): void {
    const requestId = this.#nextReadId++;
    this.#readFloors.set(requestId, this.#surroundings.facts.committedIndex);
    this.raft.readIndex(requestId);
  }

  receiveSnapshot(message: Message & { type: "snapshot" }, state: AppliedState): void {
    if (this.raft.acceptsSnapshot(state.point)) {
      this.#staged = state;
      this.raft.step({ ...message, snapshot: state.point });
    }
  }

  pump(): void {
    const { facts, send } = this.#surroundings;
    for (let loops = 0; this.raft.hasReady(); loops += 1) {
      if (loops > readyLoopsMax) {
        throw new Error("the core is never done");
      }
      const { messages, write, committed, readStates, readsDropped } = this.raft.ready();
      messages.forEach(send);
      if (write !== null) {
        this.disk.put({
          type: "write",
          write,
          staged: write.snapshot === null ? null : this.#staged,
        });
        facts.sawEntries(undefined, write.entries);
      }
      this.#apply(committed);
      for (const { requestId, index } of readStates) {
        facts.read(this.#readFloors.get(requestId) ?? Number.POSITIVE_INFINITY, index);
        this.#readFloors.delete(requestId);
        this.readsAnswered += 1;
      }
      for (const requestId of readsDropped) {
        this.#readFloors.delete(requestId);
      }
      facts.sawStatus(this.raft.status());
    }
  }

  #apply(entries: readonly Entry[]): void {
    const { facts, disks } = this.#surroundings;
    const last = entries.at(-1);
    if (last === undefined) {
      return;
    }
    let { digest } = this.state;
    for (const entry of entries) {
      digest = facts.applied(entry, digest, this.configuration, disks);
      if (entry.type === EntryType.configChange) {
        const before = this.configuration;
        const change = decodeConfigChange(entry.data);
        const after = this.raft.applyConfigChange(change, entry.index);
        facts.configured(entry.index, before, after);
      }
    }
    const { configuration } = this;
    this.state = { point: { index: last.index, term: last.term, configuration }, digest };
    this.raft.applied(last.index);
    this.disk.put({ type: "applied", state: this.state });
  }

  /** The disk finished one more change. */
  sync(): void {
    const change: DiskChange | undefined = this.disk.sync();
    if (change?.type !== "write") {
      return;
    }
    if (change.write.snapshot !== null) {
      this.state = this.disk.state;
      this.#surroundings.facts.installed(this.raft.status().nodeId, this.state);
    }
    this.raft.writeDone(change.write.id);
    change.write.messages.forEach(this.#surroundings.send);
  }

  /** Forgets all but `kept` of the durably applied entries. */
  compact(kept: number): void {
    const { disk } = this;
    const index = disk.state.point.index - kept;
    const entry = disk.entries[index - disk.base.index - 1];
    const { configuration } = disk.state.point;
    const hasChange = disk.entries.some(
      ({ type, index: at }) => type === EntryType.configChange && at > index,
    );
    if (entry !== undefined && !hasChange) {
      this.raft.compact(index);
      disk.put({ type: "compact", point: { index, term: entry.term, configuration } });
    }
  }
}
