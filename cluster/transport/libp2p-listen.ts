import { lookup } from "node:dns/promises";
import { createServer, isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { ClusterError } from "../errors.ts";
import type { TransportLimits } from "../limits.ts";
import { formatAddress } from "./hello.ts";

/** Where to listen: every address, or the one that the operator named. */
export interface ListenHost {
  readonly isAny: boolean;
  /** IP addresses to bind. */
  readonly hosts: readonly string[];
}

/** `0.0.0.0` means every IPv4 address, `::` every address of both families. Throws `option-invalid`. */
export async function resolveListenHost(host: string): Promise<ListenHost> {
  if (host === "0.0.0.0") return { isAny: true, hosts: ["0.0.0.0"] };
  if (host === "::") {
    return { isAny: true, hosts: (await canBindIpv6()) ? ["0.0.0.0", "::"] : ["0.0.0.0"] };
  }
  if (isIP(host) !== 0) return { isAny: false, hosts: [host] };
  const { address } = await lookup(host).catch((error: Error) => {
    const message = `cannot resolve the peer host ${host}: ${error.message}`;
    throw new ClusterError("option-invalid", message, { host }, error);
  });
  return { isAny: false, hosts: [address] };
}

export function multiaddrOf(host: string, port: number): string {
  return `/ip${isIP(host) === 6 ? 6 : 4}/${host}/tcp/${port}`;
}

/**
 * Calls `listen` with the first port that is free on all hosts, starting at `port`. A node that starts beside this one
 * may take it in between: then the next one is tried. Throws `port-taken`.
 */
export async function listenOnFreePort<T>(
  hosts: readonly string[],
  port: number,
  isPortFixed: boolean,
  limits: TransportLimits,
  listen: (port: number) => Promise<T>,
): Promise<T> {
  const last = isPortFixed ? port : Math.min(65_535, port + limits.portsTriedMax);
  for (let candidate = port; candidate <= last; candidate++) {
    const free = await freePort(hosts, candidate);
    if (free === null) continue;
    try {
      return await listen(free);
    } catch (error) {
      if (!isPortTaken(error)) throw error;
      if (port === 0) candidate--;
    }
  }
  const tried = last > port ? `ports ${port} to ${last} are` : `port ${port} is`;
  throw new ClusterError("port-taken", `peer ${tried} taken`, { port, last });
}

/** HOST:PORT of every interface that others may reach, IPv4 first, loopback last. */
export function reachableAddresses(host: ListenHost, port: number): readonly string[] {
  if (!host.isAny) return host.hosts.map((one) => formatAddress(one, port));
  const withIpv6 = host.hosts.includes("::");
  const found = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(
      ({ internal, family, address }) =>
        !internal && (family === "IPv4" || withIpv6) && !isLinkLocal(address),
    )
    .sort((left, right) => left.family.localeCompare(right.family));
  return [...found.map(({ address }) => address), "127.0.0.1"].map((one) =>
    formatAddress(one, port),
  );
}

/** fe80::/10 needs the name of an interface, which differs from machine to machine. */
function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address);
}

/** `port`, or a port that the system picks when it is 0; null when it is taken on one of the hosts. */
async function freePort(hosts: readonly string[], port: number): Promise<number | null> {
  let chosen = port;
  for (const host of hosts) {
    const bound = await tryBind(host, chosen);
    if (bound === null) return null;
    chosen = bound;
  }
  return chosen;
}

function tryBind(host: string, port: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(null);
      else {
        const message = `cannot listen on ${formatAddress(host, port)}: ${error.message}`;
        reject(new ClusterError("option-invalid", message, { host, port }, error));
      }
    });
    server.listen({ host, port, ipv6Only: host === "::", exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === "object" && address ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}

async function canBindIpv6(): Promise<boolean> {
  return (await tryBind("::", 0).catch(() => null)) !== null;
}

/** libp2p wraps the system's error once or twice. */
function isPortTaken(error: unknown): boolean {
  return error instanceof Error && /EADDRINUSE/.test(`${error.message} ${String(error.cause)}`);
}
