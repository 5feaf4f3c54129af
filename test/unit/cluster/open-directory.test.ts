import { describe, expect, it } from "vitest";
import { type NodeDirectory, openDirectory } from "../../../cluster/open-directory.ts";
import { MemoryDisk } from "../../../cluster/storage/memory-disk.ts";
import { MemoryStorage } from "../../../cluster/storage/memory-storage.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { silentLog } from "../../support/silent-log.ts";
import { entries, written } from "../../support/storage-changes.ts";

const id = "a".repeat(32);
const nodeRecord = { clusterId: "c", nodeId: id, name: "n1" };
const known = {
  clusterId: "c",
  name: "n1",
  nodeId: id,
  addresses: ["memory:1"],
  isOnlyVoter: false,
} as const;

/** A directory whose disk holds this; `asides` are the reasons for which it was set aside. */
async function directoryWith(change: Parameters<typeof written>[1] | null) {
  let disk = new MemoryDisk();
  if (change !== null) {
    const storage = new MemoryStorage(queueMicrotask, { onFailure: () => {} }, disk);
    await storage.open();
    await written(storage, change);
    await storage.close();
  }
  const asides: string[] = [];
  const directory: NodeDirectory<{ readonly nodeId: string }, MemoryStorage> = {
    name: "a directory",
    knownPeers: async () => known,
    condemnedFor: async () => null,
    storage: () => new MemoryStorage(queueMicrotask, { onFailure: () => {} }, disk),
    identity: async () => ({ nodeId: id }),
    renewIdentity: async () => ({ nodeId: "b".repeat(32) }),
    setAside: async (reason) => {
      asides.push(reason);
      disk = new MemoryDisk();
      return "set aside";
    },
  };
  return { directory, asides };
}

const options = {
  clock: new FakeClock(),
  log: silentLog,
  formation: { kind: "join", addresses: [], isDiscovering: false },
} as const;

describe("a data directory", () => {
  it("with a node's name and a log is opened", async () => {
    const { directory, asides } = await directoryWith({ nodeRecord, entries: entries(1, 2) });
    const { restore } = await openDirectory(options, directory);
    expect(restore.entries.length).toBe(2);
    expect(asides).toEqual([]);
  });

  it.each([{ entries: entries(1, 2) }, { hardState: { term: 3, vote: null, commit: 0 } }])(
    "with a log that is nobody's is damaged: its votes would be another node's",
    async (change) => {
      const { directory, asides } = await directoryWith(change);
      const { restore } = await openDirectory(options, directory);
      expect(restore).toMatchObject({ entries: [], hardState: { term: 0 } });
      expect(asides).toEqual([expect.stringContaining("missing, though the node has a log")]);
    },
  );
});
