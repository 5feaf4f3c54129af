import type { Mutant } from "./mutant.ts";

/** What damaged, lying and full disks show, and clients that compare before they set. */
export const faultMutants: readonly Mutant[] = [
  {
    name: "effects do not wait for the entries that they follow from",
    file: "cluster/storage/state-store.ts",
    find: "    if (entries !== null) batch.waitFor(entries);\n",
    replace: "",
  },
  {
    name: "a log does not wait for the snapshot that it begins with",
    file: "cluster/storage/log/log-store.ts",
    find: "    if (installed !== null) batch.waitFor(installed);\n",
    replace: "",
  },
  {
    name: "effects join the batch of a snapshot whose log waits for it",
    file: "cluster/storage/state-store.ts",
    find: "    batch.seal();\n",
    replace: "",
    tests: ["test/unit/storage/order.test.ts"],
  },
  {
    name: "a torn write at the end of the log is kept",
    file: "cluster/storage/log/read-log.ts",
    find: "    if (mayBeTorn) await files.cut(file.name, sizeBytes);\n",
    replace: "",
  },
  {
    name: "the vote of the log that a snapshot replaced is forgotten",
    file: "cluster/storage/log/hard-state.ts",
    find: "  return hardState.term < term ? { term, vote: null, commit } : { ...hardState, commit };",
    replace: "  return { term: Math.max(hardState.term, term), vote: null, commit };",
    tests: ["test/unit/storage/log/log-store.test.ts"],
  },
  {
    name: "a file of the log goes before the state stands for it",
    file: "cluster/storage/log/writer.ts",
    find: "start.generation === generation && start.index <= index,",
    replace: "start.generation === generation,",
  },
  {
    name: "files of the log begin without the hard state",
    file: "cluster/storage/log/changes.ts",
    find: "      hardState: this.#hardState,\n",
    replace: "      hardState: { term: 0, vote: null, commit: 0 },\n",
  },
  {
    name: "a batch missing from the log is not noticed",
    file: "cluster/storage/log/reader.ts",
    find: "    if (sequence !== this.sequence + 1) {",
    replace: "    if (sequence < this.sequence) {",
    faults: ["bitFlip"],
  },
  {
    name: "a log without its node's name is believed",
    file: "cluster/open-directory.ts",
    find: "    checkNode(restore);\n",
    replace: "",
    tests: ["test/unit/cluster/open-directory.test.ts"],
  },
  {
    name: "every other batch is not synced (the hole of LevelDB's log files)",
    file: "cluster/storage/state-store.ts",
    find: "{ sync: true }",
    replace: "{ sync: batch.sequence % 2 === 0 }",
  },
  {
    name: "a batch is written in two halves",
    file: "cluster/storage/state-store.ts",
    find: "      write: (batch) => database.write(batch.operations(), { sync: true }),",
    replace:
      "      write: async (batch) => {\n        const all = batch.operations();\n        const half = all.length >> 1;\n        await database.write(all.slice(0, half), { sync: true });\n        await database.write(all.slice(half), { sync: true });\n      },",
  },
  {
    name: "the floor stands for batches that are not durable yet",
    file: "cluster/storage/write-stream.ts",
    find: "    this.#inFlight = batch;\n",
    replace: "    this.#inFlight = batch;\n    this.#options.landed(batch);\n",
  },
  {
    name: "a wiped node keeps its id",
    file: "cluster/open-directory.ts",
    find: "if (nodeRecord === null && known?.nodeId === identity.nodeId) {",
    replace: "if (nodeRecord !== null && known?.nodeId !== identity.nodeId) {",
    faults: ["wipeDisk"],
  },
  {
    name: "the database is not compared with the floor",
    file: "cluster/storage/level-storage.ts",
    find: "const stored = await readStoredNode(database, files, names, written);",
    replace:
      "const stored = await readStoredNode(database, files, names, { ...written, sequence: 0, stateSequence: 0, lastIndex: 0 });",
    faults: ["lyingDisk"],
  },
  {
    name: "a damaged record is believed",
    file: "cluster/storage/sealed.ts",
    find: "if (crc32(value, crc32(key)) !== sealed.readUInt32BE(0)) {",
    replace: "if (value.byteLength > 1e9) {",
    faults: ["bitFlip"],
  },
  {
    name: "a node whose state is damaged starts from it again and again",
    file: "cluster/start-node.ts",
    find: "      await condemn?.(error.message);\n",
    replace: "",
    faults: ["bitFlip"],
  },
  {
    name: "a node forgets who its peers are until it has caught up",
    file: "cluster/start-node.ts",
    find: "    parts.remember(peersOf(record, formed.members));\n",
    replace: "    peersOf(record, formed.members);\n",
    faults: ["wipeDisk"],
  },
  {
    name: "writes are taken while the disk is nearly full",
    file: "cluster/drivers/upkeep.ts",
    find: "    if (!this.#disk.isLow) return false;\n",
    replace: "    if (!this.#disk.isLow || this.#disk.isLow) return false;\n",
    faults: ["diskLow"],
  },
  {
    name: "the alarm of a disk nearly full never ends",
    file: "cluster/drivers/disk-watch.ts",
    find: "freeSizeBytes >= reserveSizeBytes * recoveryFactor",
    replace: "freeSizeBytes >= reserveSizeBytes * recoveryFactor * 100",
    faults: ["diskLow"],
  },
  {
    name: "values of one log entry share a version",
    file: "src/replica/versions.ts",
    find: "Math.max(next, version + 1), least)",
    replace: "Math.max(next, version), least)",
  },
  {
    name: "compare-and-set does not compare",
    file: "src/replica/device-writes.ts",
    find: "const currentVersion = versions.find((version) => version !== expected);",
    replace: "const currentVersion = versions.find((version) => version < expected - 1e15);",
  },
];
