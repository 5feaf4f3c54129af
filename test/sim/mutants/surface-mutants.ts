import type { Mutant } from "./mutant.ts";

const golden = ["test/golden/raft.test.ts"];

/** Reads, membership, transfers, the drivers, the replicated state and the disk. */
export const surfaceMutants: readonly Mutant[] = [
  {
    name: "ReadIndex before the no-op (etcd #7331)",
    file: "cluster/raft/replication.ts",
    find: "return state.reads.canStartRound && hasCommittedInTerm(state);",
    replace: "return state.reads.canStartRound;",
  },
  {
    name: "ReadIndex without a round of heartbeats",
    file: "cluster/raft/read-index.ts",
    find: "if (!isQuorum(configuration, isAgreeing)) {",
    replace: "if (!isQuorum(configuration, isAgreeing) && context < 0) {",
  },
  {
    name: "any answer confirms any read",
    file: "cluster/raft/leader.ts",
    find: "state.reads.acknowledge(message.from, message.readContext);",
    replace: "state.reads.acknowledge(message.from, Number.MAX_SAFE_INTEGER);",
  },
  {
    name: "a node without a leader reads by itself",
    file: "cluster/raft/reads.ts",
    find: "  } else if (leader === null) {\n    state.readsDropped.push(requestId);",
    replace:
      "  } else if (leader === null) {\n    state.readStates.push({ requestId, index: state.log.commitIndex });",
  },
  {
    name: "a read does not wait for its index to be applied",
    file: "cluster/drivers/read-barriers.ts",
    find: "if (group.index > appliedIndex) open.push(group);",
    replace: "if (group.index > appliedIndex + 1000) open.push(group);",
  },
  {
    name: "configuration change before an entry of the own term",
    file: "cluster/raft/membership.ts",
    find: "  if (!hasCommittedInTerm(state)) {",
    replace: "  if (!hasCommittedInTerm(state) && state.term < 0) {",
  },
  {
    name: "configuration change while another is pending",
    file: "cluster/raft/membership.ts",
    find: "  if (state.pendingConfigIndex > state.log.appliedIndex) {",
    replace: "  if (state.pendingConfigIndex > state.log.lastIndex) {",
    tests: golden,
  },
  {
    name: "a joint configuration is never left",
    file: "cluster/raft/membership.ts",
    find: '    state.role === "leader" &&\n    isJoint(state.configuration) &&',
    replace: '    state.role === "candidate" &&\n    isJoint(state.configuration) &&',
  },
  {
    name: "a removed leader goes on leading",
    file: "cluster/raft/membership.ts",
    find: 'if (state.role !== "leader" || leavingIndex === null || log.commitIndex < leavingIndex) {',
    replace: 'if (state.role !== "leader" || leavingIndex === null || log.commitIndex >= 0) {',
    tests: golden,
  },
  {
    name: "proposals accepted during a transfer (openraft #1747)",
    file: "cluster/raft/role.ts",
    find: "return state.transferTarget !== null || state.leavingIndex !== null;",
    replace: "return state.leavingIndex !== null;",
    tests: golden,
  },
  {
    name: "transfer to a node that is behind",
    file: "cluster/raft/leader.ts",
    find: "if (from === transferTarget && state.progress.get(from)?.match === log.lastIndex) {",
    replace: "if (from === transferTarget && log.lastIndex > 0) {",
  },
  {
    name: "vote not persisted",
    file: "cluster/drivers/raft-driver.ts",
    find: "...(write.hardState === null ? {} : { hardState: write.hardState }),",
    replace:
      "...(write.hardState === null ? {} : { hardState: { ...write.hardState, vote: null } }),",
  },
  {
    name: "term not persisted",
    file: "cluster/drivers/raft-driver.ts",
    find: "...(write.hardState === null ? {} : { hardState: write.hardState }),",
    replace: "",
  },
  {
    name: "promises leave before their write is done",
    file: "cluster/drivers/raft-driver.ts",
    find: "    if (write.snapshot !== null) this.#isReloading = true;",
    replace:
      "    if (write.snapshot !== null) this.#isReloading = true;\n    for (const message of write.messages) this.#send(message);",
  },
  {
    name: "applied index without its effects (etcd #13766)",
    file: "cluster/drivers/raft-driver.ts",
    find: "writes: agreed.takeWrites(), turn }",
    replace: "writes: agreed.takeWrites().slice(1), turn }",
  },
  {
    name: "a node takes the others' turns to write, too",
    file: "cluster/agreed/writing-turns.ts",
    find: "const isNow = slot % count === place && slot !== this.#slot;",
    replace: "const isNow = slot !== this.#slot;",
    tests: ["test/unit/agreed/writing-turns.test.ts"],
  },
  {
    name: "a node makes up for the turns that no entry came in",
    file: "cluster/agreed/writing-turns.ts",
    find: "const slot = Math.floor((timeMs * count) / this.#roundMs);\n    const isNow = slot % count === place && slot !== this.#slot;",
    replace:
      "const slot = Math.floor(timeMs / this.#roundMs - place / count);\n    const isNow = slot !== this.#slot;",
    tests: ["test/unit/agreed/writing-turns.test.ts"],
  },
  {
    name: "nodes that gathered as much write at once",
    file: "cluster/storage/effects-bound.ts",
    find: "turn.offset || 1",
    replace: "1",
    tests: ["test/unit/storage/effects-bound.test.ts"],
  },
  {
    name: "a snapshot is laid over the old state",
    file: "cluster/drivers/raft-driver.ts",
    find: "      agreed.reset();\n",
    replace: "",
  },
  {
    name: "a batch is applied twice",
    file: "cluster/agreed/agreed-state.ts",
    find: "if (seq !== (isNewIncarnation ? 1 : progress.lastSeq + 1)) return null;",
    replace: "if (seq > (isNewIncarnation ? 1 : progress.lastSeq + 1)) return null;",
  },
  {
    name: "a batch is applied out of order",
    file: "cluster/agreed/agreed-state.ts",
    find: "if (seq !== (isNewIncarnation ? 1 : progress.lastSeq + 1)) return null;",
    replace: "if (seq < (isNewIncarnation ? 1 : progress.lastSeq + 1)) return null;",
    tests: ["test/unit/agreed/agreed-state.test.ts"],
  },
  {
    name: "the progress of a node's batches is not stored",
    file: "cluster/agreed/agreed-state.ts",
    find: "    this.#put(keys.origin + origin, ",
    replace: "    String(keys.origin + origin + ",
  },
  {
    name: "the log's clock goes back with a leader's",
    file: "cluster/agreed/agreed-state.ts",
    find: "if (timeMs <= this.#timeMs) return;",
    replace: "if (timeMs === this.#timeMs) return;",
  },
  {
    name: "a timeout is told as a refusal",
    file: "cluster/agreed/proposal-lane.ts",
    find: '  settle({ status: "unknown", reason: "timeout" });',
    replace: '  settle({ status: "rejected", reason: "overloaded" });',
  },
  {
    name: "a timeout is told as success",
    file: "cluster/agreed/proposal-lane.ts",
    find: '  settle({ status: "unknown", reason: "timeout" });',
    replace: '  settle({ status: "applied", index: 0, result: null });',
  },
  {
    name: "lost batches are never sent again",
    file: "cluster/agreed/proposal-lane.ts",
    find: "this.#sentUpTo = (this.#inflight[0]?.seq ?? this.#nextSeq) - 1;",
    replace: "this.#sentUpTo = Math.max(this.#sentUpTo, this.#nextSeq - 1);",
  },
  {
    name: "a new term remembers what older leaders appended",
    file: "cluster/agreed/origin-gate.ts",
    find: "    this.#last.clear();",
    replace: "    this.#last.delete(String(this.#last.size));",
    tests: ["test/unit/agreed/origin-gate.test.ts"],
  },
  {
    name: "the log is cut past what is durably applied",
    file: "cluster/agreed/log-window.ts",
    find: "mark.index > durableIndex",
    replace: "mark.index > durableIndex + 1_000_000",
    tests: ["test/unit/agreed/log-window.test.ts"],
  },
  {
    name: "the disk forgets the hard state",
    file: "cluster/storage/memory-disk.ts",
    find: "if (change.hardState !== undefined) this.#hardState = change.hardState;",
    replace: "",
  },
  {
    name: "the disk keeps replaced entries",
    file: "cluster/storage/memory-disk.ts",
    find: "this.#entries.length = change.entries[0]!.index - this.#snapshot.index - 1;",
    replace: "",
  },
  {
    name: "a storage answers before its batch has landed",
    file: "cluster/storage/memory-storage.ts",
    find: "    this.#schedule(() => this.#landed(batch));",
    replace:
      "    for (const { done } of batch) done();\n    this.#schedule(() => this.#landed(batch));",
  },
  {
    name: "LevelDB batches are not synced",
    file: "cluster/storage/state-store.ts",
    find: "{ sync: true }",
    replace: "{ sync: false }",
    tests: ["test/unit/storage/write-stream.test.ts", "test/contract/cluster-storage.test.ts"],
  },
  {
    name: "a wrong checksum is overlooked",
    file: "cluster/storage/log/record.ts",
    find: 'if (crc32(record.subarray(crcEnd)) !== record.readUInt32BE(0)) return { reason: "CRC mismatch" };',
    replace: "",
    tests: ["test/unit/storage/log/record.test.ts", "test/unit/storage/damage.test.ts"],
  },
  {
    name: "a broken hash chain is overlooked",
    file: "cluster/storage/log/record.ts",
    find: 'if (previous !== null && chain.toString("latin1") !== chainBehind(record, previous)) {',
    replace: "if (previous === chain) {",
    tests: ["test/unit/storage/log/record.test.ts", "test/unit/storage/damage.test.ts"],
  },
  {
    name: "a tail lost below the floor is truncated away",
    file: "cluster/storage/log/read-log.ts",
    find: "  if (reader.sequence < floorSequence) {",
    replace: "  if (reader.sequence < 0) {",
    tests: ["test/unit/storage/log/log-store.test.ts"],
  },
];
