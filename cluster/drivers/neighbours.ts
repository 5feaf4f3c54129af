import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** File in a data directory that tells other nodes of this machine where its node listens for peers. */
const peerFileName = "peer.json";
/** Ports that a bare `--join` tries on this machine, besides those that data directories name. */
const firstPeerPort = 7001;
const peerPortsTried = 16;

export async function writePeerFile(dataDir: string, port: number): Promise<void> {
  const path = join(dataDir, peerFileName);
  await writeFile(`${path}.new`, `${JSON.stringify({ port, pid: process.pid })}\n`);
  await rename(`${path}.new`, path);
}

/** HOST:PORT of nodes that may run on this machine, without this one; what is found may be stale. */
export async function neighbourAddresses(
  siblingRoot: string | null,
  ownPort: number,
): Promise<string[]> {
  const ports = new Set<number>();
  for (const port of await portsOfSiblings(siblingRoot)) ports.add(port);
  for (let i = 0; i < peerPortsTried; i++) ports.add(firstPeerPort + i);
  ports.delete(ownPort);
  return [...ports].map((port) => `127.0.0.1:${port}`);
}

async function portsOfSiblings(siblingRoot: string | null): Promise<number[]> {
  if (siblingRoot === null) return [];
  let names: string[];
  try {
    names = await readdir(siblingRoot);
  } catch {
    return [];
  }
  const ports = await Promise.all(
    names.map(async (name) => {
      try {
        const text = await readFile(join(siblingRoot, name, peerFileName), "utf8");
        const { port } = JSON.parse(text) as { port?: unknown };
        return typeof port === "number" ? port : 0;
      } catch {
        return 0; // Not a data directory, or one being made right now.
      }
    }),
  );
  return ports.filter((port) => port > 0);
}
