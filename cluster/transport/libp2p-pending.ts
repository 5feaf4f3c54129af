import type { Connection, MultiaddrConnection } from "@libp2p/interface";
import { ClusterError } from "../errors.ts";
import { type TransportLimits, unencryptedSizeBytesMax } from "../limits.ts";
import type { Cancel, Clock, Counters } from "../ports.ts";

/** Where libp2p's sockets hand in what they received. */
interface Incoming extends MultiaddrConnection {
  onData(data: Uint8Array): void;
}

interface Pending {
  readonly incoming: Incoming;
  readonly host: string;
  readonly cancel: Cancel;
  receivedSizeBytes: number;
}

/** Why a connection is not let in, or not kept: `transport_connections_refused_<reason>`. */
type Reason = "full" | "address" | "flood" | "late";

export interface PendingConnectionsOptions {
  readonly limits: TransportLimits;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly onRefused: (host: string, reason: Reason) => void;
}

/**
 * Connections that came in and have not proved yet that they hold the cluster secret. Anybody who reaches the port can make them, so
 * that their number, in all and from one address, their time, and what they may say before the encryption are bounded.
 */
export class PendingConnections {
  readonly #options: PendingConnectionsOptions;
  /** By remote address with port. */
  readonly #pending = new Map<string, Pending>();
  readonly #countOf = new Map<string, number>();

  constructor(options: PendingConnectionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** libp2p's question about every connection that comes in, before a byte of it is read. */
  denies(connection: MultiaddrConnection): boolean {
    const { limits } = this.#options;
    const host = hostOf(connection);
    const count = this.#countOf.get(host) ?? 0;
    if (count >= limits.pendingPerAddressMax) return this.#refuse(host, "address");
    if (this.#pending.size >= limits.pendingConnectionsMax) return this.#refuse(host, "full");
    this.#admit(connection as Incoming, host, count);
    return false;
  }

  /** Noise is through: the other end knows the secret, and may say more from now on. */
  encrypted(connection: Connection): void {
    const pending = this.#pending.get(keyOf(connection));
    if (pending !== undefined) Reflect.deleteProperty(pending.incoming, "onData");
  }

  /** The hello exchange ended with a link. */
  verified(connection: Connection): void {
    this.#release(keyOf(connection));
  }

  #admit(incoming: Incoming, host: string, count: number): void {
    const { clock, limits } = this.#options;
    const key = keyOf(incoming);
    const pending: Pending = {
      ...{ incoming, host, receivedSizeBytes: 0 },
      cancel: clock.after(limits.handshakeTimeoutMs, () => this.#cut(pending, "late")),
    };
    this.#release(key);
    this.#pending.set(key, pending);
    this.#countOf.set(host, count + 1);
    incoming.addEventListener("close", () => {
      if (this.#pending.get(key) === pending) this.#release(key);
    });
    const { onData } = incoming;
    // A property of this one object: deleting it brings the method of its class back.
    incoming.onData = (data) => {
      pending.receivedSizeBytes += data.byteLength;
      if (pending.receivedSizeBytes > unencryptedSizeBytesMax) this.#cut(pending, "flood");
      else onData.call(incoming, data);
    };
  }

  #cut({ incoming, host }: Pending, reason: Reason): void {
    this.#refuse(host, reason);
    incoming.abort(new ClusterError("timeout", `the peer did not prove itself: ${reason}`));
  }

  #refuse(host: string, reason: Reason): true {
    this.#options.counters.add(`transport_connections_refused_${reason}`);
    this.#options.onRefused(host, reason);
    return true;
  }

  #release(key: string): void {
    const pending = this.#pending.get(key);
    if (pending === undefined) return;
    const { host, incoming, cancel } = pending;
    this.#pending.delete(key);
    cancel();
    Reflect.deleteProperty(incoming, "onData");
    const count = (this.#countOf.get(host) ?? 1) - 1;
    if (count === 0) this.#countOf.delete(host);
    else this.#countOf.set(host, count);
  }
}

/** `/ip4/10.0.0.1/tcp/51000`, whatever libp2p adds behind it once it knows the peer. */
function keyOf({ remoteAddr }: Pick<MultiaddrConnection, "remoteAddr">): string {
  return remoteAddr.toString().split("/p2p/", 1)[0] ?? "";
}

function hostOf(connection: MultiaddrConnection): string {
  return keyOf(connection).split("/")[2] ?? "";
}
