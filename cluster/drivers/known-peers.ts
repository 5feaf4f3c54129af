import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NodeId } from "../node-id.ts";
import type { Log } from "../ports.ts";
import { syncDirectory } from "../storage/floor-file.ts";

/** What a node keeps beside its database, for the day on which the database is damaged. */
export interface KnownPeers {
  readonly clusterId: string;
  /** The node whose membership this is. */
  readonly nodeId: NodeId;
  readonly name: string;
  /** True: nobody else can say what was committed. */
  readonly isOnlyVoter: boolean;
  /** HOST:PORT of the other members. */
  readonly addresses: readonly string[];
}

const fileName = "peers.json";

/** Null when there is none, or none that can be read: it is a hint and never decides what is true. */
export async function readKnownPeers(dataDir: string): Promise<KnownPeers | null> {
  try {
    const known = JSON.parse(await readFile(join(dataDir, fileName), "utf8")) as KnownPeers;
    const isWhole =
      typeof known.clusterId === "string" &&
      typeof known.nodeId === "string" &&
      typeof known.name === "string" &&
      typeof known.isOnlyVoter === "boolean" &&
      Array.isArray(known.addresses) &&
      known.addresses.every((address) => typeof address === "string");
    return isWhole ? known : null;
  } catch {
    return null;
  }
}

/** Keeps `peers.json` of a data directory up to date: one write at a time, and of those that wait only the newest. */
export class KnownPeersFile {
  readonly #dataDir: string;
  readonly #log: Log;
  #waiting: KnownPeers | null = null;
  #isWriting = false;

  constructor(dataDir: string, log: Log) {
    this.#dataDir = dataDir;
    this.#log = log;
  }

  remember(peers: KnownPeers): void {
    this.#waiting = peers;
    if (!this.#isWriting) void this.#write();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    const path = join(this.#dataDir, fileName);
    try {
      for (let peers = this.#waiting; peers !== null; peers = this.#waiting) {
        this.#waiting = null;
        await writeFile(`${path}.new`, `${JSON.stringify(peers)}\n`, { flush: true });
        await rename(`${path}.new`, path);
        await syncDirectory(this.#dataDir);
      }
    } catch (error) {
      this.#log.warn({ path, reason: (error as Error).message }, "cannot note the known peers");
    } finally {
      this.#isWriting = false;
    }
  }
}
