import { condemnDatabase, diskSpaceOf, openDataDirectory } from "./data-directory.ts";
import { KnownPeersFile } from "./drivers/known-peers.ts";
import { neighbourAddresses, writePeerFile } from "./drivers/neighbours.ts";
import { ClusterError } from "./errors.ts";
import { logLimits } from "./log-limits.ts";
import type { ClusterOptions } from "./options.ts";
import { Counters } from "./ports.ts";
import { type StartingCluster, startNode } from "./start-node.ts";
import { Libp2pTransport } from "./transport/libp2p.ts";

const secretSizeBytesMin = 16;

/**
 * Opens the data directory and the peer port, then goes back to the cluster of that directory, or founds or joins
 * one. Rejects with `option-invalid`, `storage-locked`, `storage-corrupt`, `storage-failed`, `storage-foreign`, `port-taken`.
 */
export async function startCluster(options: ClusterOptions): Promise<StartingCluster> {
  if (options.secret.byteLength < secretSizeBytesMin) {
    throw new ClusterError(
      "option-invalid",
      `the cluster secret has ${options.secret.byteLength} bytes, at least ${secretSizeBytesMin} are needed`,
    );
  }
  const { dataDir, siblingRoot, clock, random, log, secret, version, isMdnsEnabled } = options;
  const { storage, restore, identity, formation } = await openDataDirectory(options);
  try {
    const counters = new Counters();
    const transport = new Libp2pTransport({
      identity,
      host: options.peerHost,
      port: options.peerPort,
      isPortFixed: options.isPeerPortFixed,
      secret,
      isMdnsEnabled,
      version,
      clock,
      random,
      log,
      counters,
    });
    const peers = new KnownPeersFile(dataDir, log);
    return await startNode({
      options: { ...options, formation },
      storage,
      restore,
      transport,
      counters,
      logWindow: logLimits.logWindow,
      neighbours: () => neighbourAddresses(siblingRoot, transport.port),
      listening: (port) => writePeerFile(dataDir, port),
      remember: (known) => peers.remember(known),
      condemn: (reason) => condemnDatabase(dataDir, reason),
      diskSpace: () => diskSpaceOf(dataDir),
    });
  } catch (error) {
    await storage.close();
    throw error;
  }
}
