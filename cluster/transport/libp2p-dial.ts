import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Connection } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import type { ClusterError } from "../errors.ts";
import { dialFailure, dialTimeout, itselfReason, unreachable } from "./dial-errors.ts";
import { parseAddress } from "./hello.ts";
import { multiaddrOf } from "./libp2p-listen.ts";
import type { Libp2pNode } from "./libp2p-node.ts";
import { isSecretMismatch } from "./libp2p-noise.ts";

/**
 * Connects to HOST:PORT, trying each address of a host name in turn. Rejects with `unreachable`, `wrong-secret` or, when
 * `signal` aborts, `timeout`. The connection is encrypted but its peer not verified yet.
 */
export async function connect(
  node: Libp2pNode,
  address: string,
  signal: AbortSignal,
): Promise<Connection> {
  const parsed = parseAddress(address);
  if (parsed === null) throw unreachable(address, "not of the form HOST:PORT");
  const { host, port } = parsed;
  const hosts = isIP(host) === 0 ? await resolve(address, host, signal) : [host];
  let failure: ClusterError = unreachable(address, "it has no address");
  for (const candidate of hosts) {
    try {
      // Forced, since libp2p would answer with an older connection to the same address even when that one hangs.
      return await node.dial(multiaddr(multiaddrOf(candidate, port)), { signal, force: true });
    } catch (error) {
      failure = explain(address, error, signal);
      if (failure.code !== "unreachable") break;
    }
  }
  throw failure;
}

async function resolve(
  address: string,
  host: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(dialTimeout(address)), { once: true });
  });
  const found = lookup(host, { all: true }).catch((error: NodeJS.ErrnoException) => {
    throw unreachable(address, `cannot resolve ${host} (${error.code})`, error);
  });
  const addresses = await Promise.race([found, aborted]);
  return [...new Set(addresses.map((entry) => entry.address))];
}

function explain(address: string, error: unknown, signal: AbortSignal): ClusterError {
  if (isSecretMismatch(error)) {
    return dialFailure("wrong-secret", address, "handshake refused, cluster secrets differ", error);
  }
  if (signal.aborted) return dialTimeout(address);
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (/dial self/i.test(message)) return unreachable(address, itselfReason, error);
  if (name === "TimeoutError" || /timeout|timed out/i.test(message)) return dialTimeout(address);
  const code = /E[A-Z]{4,}/.exec(message)?.[0];
  if (code === "ECONNREFUSED") return unreachable(address, "connection refused", error);
  if (name === "EncryptionFailedError") {
    return unreachable(address, `no FlockMQ node answers there (${message})`, error);
  }
  return unreachable(address, code ?? message, error);
}
