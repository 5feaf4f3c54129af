import type { MemberRecord } from "../agreed/member-record.ts";
import { ClusterError } from "../errors.ts";
import { isNodeId, type NodeId } from "../node-id.ts";
import type { Formation } from "../options.ts";
import { memberLimits } from "../peer-limits.ts";
import type { Clock, Log, Random } from "../ports.ts";
import type { LinkEvent, Transport } from "../transport/transport.ts";

/** What a node learns when a cluster took it in. */
export interface Joined {
  readonly kind: "joined";
  readonly clusterId: string;
  readonly self: MemberRecord;
  readonly members: readonly MemberRecord[];
}

export type Formed = Joined | { readonly kind: "found" };

export const joinRequestKind = "join";
export const consentRequestKind = "consent";

export interface FormationOptions {
  readonly formation: Formation;
  readonly name: string | null;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Addresses on this machine worth a try. */
  readonly neighbours: () => Promise<readonly string[]>;
}

const roundMs = 250;
const dialTimeoutMs = 3000;
const joinTimeoutMs = 12_000;
const reportMs = 5000;
/** For how long a node that consented to a founder waits for it before it listens to another. */
const consentMs = 10_000;
const discoveredMax = 256;
/** What a joining node may say of itself: it is kept in the log's state. */
const nameLengthMax = 256;
const dialsAtOnce = 4;

/**
 * Finds a node its cluster: dials everybody it can think of until one of them belongs to a cluster and takes it in. It
 * never founds one by itself, except as the one founder that `expect` nodes agreed on.
 */
export class FormationDriver {
  readonly #options: FormationOptions;
  readonly #discovered = new Set<string>();
  /** Linked nodes; true: it said at the handshake that it belongs to a cluster. */
  readonly #linked = new Map<NodeId, boolean>();
  /** Whom an address led to, so that it is not dialled again while that link lives. */
  readonly #ownerOf = new Map<string, NodeId>();
  #lastReportMs = 0;
  #lastProblem = "";
  #isStopped = false;
  #consent: { founder: NodeId; untilMs: number } | null = null;
  readonly #stopped = Promise.withResolvers<never>();

  constructor(options: FormationOptions) {
    this.#options = options;
    this.#stopped.promise.catch(() => undefined);
  }

  /** Ends `run` at once, whatever it is waiting for. */
  stop(): void {
    this.#isStopped = true;
    this.#stopped.reject(stopping());
  }

  discovered(addresses: readonly string[]): void {
    for (const address of addresses) {
      if (this.#discovered.size < discoveredMax) this.#discovered.add(address);
    }
  }

  onLink(event: LinkEvent): void {
    if (event.type === "up") this.#linked.set(event.nodeId, event.hello.clusterId !== null);
    else this.#linked.delete(event.nodeId);
  }

  /** Answers what a peer asks of a node without a cluster. */
  async onRequest(from: NodeId, kind: string): Promise<Uint8Array> {
    if (kind === joinRequestKind) {
      throw new ClusterError("not-leader", "this node has no cluster yet");
    }
    if (kind === consentRequestKind) return this.#answerConsent(from);
    throw new ClusterError("remote-failure", `a node without a cluster does not answer ${kind}`);
  }

  /** Rejects with `stopped`, `name-taken` or `node-removed`; everything else is tried again. */
  run(): Promise<Formed> {
    return Promise.race([this.#search(), this.#stopped.promise]);
  }

  async #search(): Promise<Formed> {
    const { clock, formation } = this.#options;
    if (formation.kind === "found") return { kind: "found" };
    this.#lastReportMs = clock.monotonicMs();
    for (;;) {
      if (this.#isStopped) throw stopping();
      await this.#dialAll();
      const joined = await this.#tryJoin();
      if (joined !== null) return joined;
      if (formation.kind === "expect" && (await this.#tryFound(formation.count))) {
        return { kind: "found" };
      }
      this.#report();
      const jitterMs = this.#options.random() * roundMs;
      await new Promise<void>((resolve) => clock.after(roundMs + jitterMs, resolve));
    }
  }

  /** A few at a time, and no further once somebody who belongs to a cluster is found: a handshake costs milliseconds. */
  async #dialAll(): Promise<void> {
    const { formation, neighbours } = this.#options;
    if (formation.kind === "found" || this.#hasClusterLink()) return;
    const addresses = new Set(formation.addresses);
    if (formation.isDiscovering) {
      for (const address of await neighbours()) addresses.add(address);
      for (const address of this.#discovered) addresses.add(address);
    }
    const waiting = [...addresses].filter((address) => {
      const owner = this.#ownerOf.get(address);
      return owner === undefined || !this.#linked.has(owner);
    });
    const dialNext = async (): Promise<void> => {
      const address = waiting.shift();
      if (address === undefined || this.#hasClusterLink() || this.#isStopped) return;
      await this.#dial(address, formation.addresses.includes(address));
      await dialNext();
    };
    await Promise.all(Array.from({ length: dialsAtOnce }, dialNext));
  }

  async #dial(address: string, isAskedFor: boolean): Promise<void> {
    try {
      const hello = await this.#options.transport.dial(address, dialTimeoutMs);
      this.#ownerOf.set(address, hello.nodeId);
    } catch (error) {
      const { code, message } = error as ClusterError;
      if (isAskedFor || code === "wrong-secret" || code === "wrong-cluster") {
        this.#lastProblem = `${address}: ${message}`;
      }
    }
  }

  #hasClusterLink(): boolean {
    return this.#options.formation.kind === "join" && [...this.#linked.values()].includes(true);
  }

  async #tryJoin(): Promise<Joined | null> {
    const { transport, name } = this.#options;
    const wish = {
      nodeId: transport.nodeId,
      name: name ?? this.#former?.name ?? null,
      addresses: transport.addresses(),
      ...(this.#former === undefined ? {} : { replaces: this.#former.nodeId }),
    };
    for (const nodeId of this.#candidates()) {
      try {
        const answer = await transport.request(
          nodeId,
          joinRequestKind,
          Buffer.from(JSON.stringify(wish)),
          joinTimeoutMs,
        );
        return JSON.parse(Buffer.from(answer).toString("utf8")) as Joined;
      } catch (error) {
        const { message } = error as ClusterError;
        const final = finalError(error as ClusterError);
        // The holder of the name may be what this node was a moment ago and does not count as down yet.
        const isOwnName = final?.code === "name-taken" && this.#former !== undefined;
        if (final !== null && !isOwnName) throw final;
        this.#lastProblem = message;
        // Nobody watches the links of a node that is no member: one whose other end is gone would be asked for ever.
        if ((error as ClusterError).code === "timeout") await transport.disconnect(nodeId);
      }
    }
    return null;
  }

  get #former(): { readonly nodeId: NodeId; readonly name: string } | undefined {
    const { formation } = this.#options;
    return formation.kind === "join" ? formation.former : undefined;
  }

  /** Members of a cluster first. */
  #candidates(): readonly NodeId[] {
    return [...this.#linked.keys()].sort(
      (a, b) => Number(this.#linked.get(b)) - Number(this.#linked.get(a)) || (a < b ? -1 : 1),
    );
  }

  /** The smallest id among the expected nodes founds, if all others say yes to it. */
  async #tryFound(count: number): Promise<boolean> {
    const { transport, clock, log } = this.#options;
    const others = [...this.#linked.keys()].sort();
    if (others.length + 1 < count) {
      this.#lastProblem = `${others.length + 1} of ${count} expected nodes are here`;
      return false;
    }
    const smallest = others[0];
    if (smallest !== undefined && smallest < transport.nodeId) return false;
    if (this.#consent !== null && this.#consent.untilMs > clock.monotonicMs()) return false;
    this.#consent = { founder: transport.nodeId, untilMs: clock.monotonicMs() + consentMs };
    const answers = await Promise.allSettled(
      others.map((nodeId) =>
        transport.request(nodeId, consentRequestKind, new Uint8Array(0), dialTimeoutMs),
      ),
    );
    const granted = answers.filter(
      (answer) => answer.status === "fulfilled" && answer.value[0] === 1,
    ).length;
    log.info(
      { granted, expected: count },
      "asked the expected nodes to let this one found the cluster",
    );
    if (granted === others.length) return true;
    this.#consent = null;
    return false;
  }

  #answerConsent(founder: NodeId): Uint8Array {
    const { transport, clock, formation } = this.#options;
    const nowMs = clock.monotonicMs();
    const isFree =
      this.#consent === null || this.#consent.untilMs <= nowMs || this.#consent.founder === founder;
    const isGranted = formation.kind !== "found" && isFree && founder < transport.nodeId;
    if (isGranted) this.#consent = { founder, untilMs: nowMs + consentMs };
    return Uint8Array.of(isGranted ? 1 : 0);
  }

  #report(): void {
    const { clock, log, formation } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#lastReportMs < reportMs || formation.kind === "found") return;
    this.#lastReportMs = nowMs;
    log.warn(
      {
        tried: [...formation.addresses],
        discovering: formation.isDiscovering,
        problem: this.#lastProblem || "nobody answers",
      },
      "no cluster found yet, still trying; this node does not form one by itself",
    );
    this.#lastProblem = "";
  }
}

function stopping(): ClusterError {
  return new ClusterError("stopped", "the node is stopping");
}

/** A joining node's request as it arrives. Throws ClusterError `frame-malformed`. */
export function decodeJoinWish(payload: Uint8Array): {
  nodeId: NodeId;
  name: string | null;
  addresses: string[];
  replaces: NodeId | null;
} {
  let wish: Record<string, unknown>;
  try {
    wish = JSON.parse(Buffer.from(payload).toString("utf8")) as Record<string, unknown>;
  } catch (cause) {
    throw new ClusterError("frame-malformed", "join request is not JSON", {}, cause);
  }
  const { nodeId, name, addresses, replaces = null } = wish;
  if (
    typeof nodeId !== "string" ||
    !isNodeId(nodeId) ||
    !(name === null || (typeof name === "string" && name.length <= nameLengthMax)) ||
    !(replaces === null || (typeof replaces === "string" && isNodeId(replaces))) ||
    !Array.isArray(addresses) ||
    !addresses.every(
      (address) => typeof address === "string" && address.length <= memberLimits.addressLengthMax,
    )
  ) {
    throw new ClusterError("frame-malformed", "join request lacks nodeId, name or addresses");
  }
  const best = (addresses as string[]).slice(0, memberLimits.addressesMax);
  return { nodeId, name, addresses: best, replaces };
}

const finalCodes = ["name-taken", "node-removed", "storage-foreign"] as const;

/**
 * Errors travel between nodes as `remote-failure` with the text of the other side, which begins with its code.
 * Trying again cannot help with these.
 */
function finalError(error: ClusterError): ClusterError | null {
  if (error.code !== "remote-failure") return null;
  const code = finalCodes.find((final) => error.message.includes(final));
  return code === undefined ? null : new ClusterError(code, error.message, {}, error);
}
