import { join } from "node:path";
import {
  ClusterError,
  type ClusterOptions,
  type Formation,
  type StartingCluster,
  startCluster,
} from "#cluster";
import type { LoadedConfig } from "./config/config.ts";
import type { DataDirectories } from "./config/data-directory.ts";
import { type PortRequest, portRequest } from "./config/listen-ports.ts";
import { type Ports, readPorts } from "./config/saved-ports.ts";
import { UsageError } from "./config/usage-error.ts";
import type { Logger } from "./telemetry/log.ts";

/** The data directory that this process holds, and the node that is on its way into a cluster. */
export interface OpenedNode {
  readonly dataDir: string;
  readonly saved: Partial<Ports> | null;
  readonly starting: StartingCluster;
}

/** Where a node was before it started anew in the same process. */
export interface NodePlace {
  readonly dataDir: string;
  readonly ports: Partial<Ports>;
}

type ClusterSettings = Omit<
  ClusterOptions,
  "dataDir" | "siblingRoot" | "peerHost" | "peerPort" | "isPeerPortFixed"
>;

/**
 * Opens the first data directory that no other process holds, or that of `place`. The lock of its storage decides between
 * starters.
 */
export async function openNode(
  directories: DataDirectories,
  loaded: LoadedConfig,
  settings: ClusterSettings,
  log: Logger,
  place: NodePlace | null,
): Promise<OpenedNode> {
  for (const dataDir of place === null ? directories.candidates : [place.dataDir]) {
    const saved = readPorts(dataDir);
    const peer = stayingPort(portRequest("peer", loaded, saved), place?.ports.peer);
    try {
      const starting = await startCluster({
        ...settings,
        dataDir,
        siblingRoot: directories.siblingRoot,
        peerHost: peer.host,
        peerPort: peer.port,
        isPeerPortFixed: peer.isPortFixed,
      });
      log.info({ dataDir, peer: starting.peerPort }, "data directory opened");
      return { dataDir, saved, starting };
    } catch (error) {
      if (!isLocked(error) || directories.isFixed) {
        throw explain(error, dataDir, loaded);
      }
      log.info({ dataDir }, "data directory is held by another process, trying the next");
    }
  }
  throw new UsageError(`--data-root: every data directory in ${directories.dataRoot} is held`, 1);
}

/** The port that clients and peers know, for a node that starts anew in the same process. */
export function stayingPort(request: PortRequest, port: number | undefined): PortRequest {
  return port === undefined ? request : { ...request, port, isPortFixed: true };
}

function isLocked(error: unknown): boolean {
  return error instanceof ClusterError && error.code === "storage-locked";
}

function explain(error: unknown, dataDir: string, loaded: LoadedConfig): unknown {
  const name = loaded.config.dataDir === null ? "--data-root" : "--data-dir";
  if (isLocked(error)) {
    const asked = loaded.config.dataDir === null ? "--name" : "--data-dir";
    return new UsageError(`${asked}: ${dataDir} is held by another process; stop it first`, 1);
  }
  if (error instanceof ClusterError && error.code === "port-taken") {
    return new UsageError(`--peer: ${error.message}`, 1);
  }
  if (error instanceof Error && "syscall" in error && "code" in error) {
    return new UsageError(`${name}: cannot use ${join(dataDir)} (${String(error.code)})`, 1);
  }
  return error;
}

/** How the options say that this node gets a cluster, should its data directory not have one. */
export function formationOf({ config }: LoadedConfig): Formation {
  const { join: request, joinCandidates, bootstrapExpect: count } = config;
  const named = request?.addresses ?? [];
  const isDiscovering = named.length === 0;
  const addresses = isDiscovering ? joinCandidates : named;
  if (count > 0) {
    return { kind: "expect", count, addresses, isDiscovering };
  }
  return request === null ? { kind: "found" } : { kind: "join", addresses, isDiscovering };
}
