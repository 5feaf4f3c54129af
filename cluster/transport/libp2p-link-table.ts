import type { Connection } from "@libp2p/interface";
import { ClusterError } from "../errors.ts";
import type { TransportLimits } from "../limits.ts";
import type { NodeId } from "../node-id.ts";
import type { Clock, Counters, Log } from "../ports.ts";
import type { Refusal } from "./hello.ts";
import { nodeIdOf } from "./identity.ts";
import { type Opening, PeerConnection } from "./libp2p-connection.ts";
import { Link, type LinkOptions } from "./libp2p-link.ts";
import { withDeadline } from "./libp2p-stream.ts";
import { QuietLog } from "./quiet-log.ts";
import type { Hello } from "./transport.ts";

export interface LinkTableOptions
  extends Pick<LinkOptions, "limits" | "clock" | "counters" | "onFrame" | "onRequest"> {
  readonly limits: TransportLimits;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Log;
  readonly helloKey: Uint8Array;
  readonly protocolMajor: number;
  readonly local: () => Hello;
  readonly onUp: (link: Link) => void;
  readonly onDown: (link: Link, reason: "reset" | "closed") => void;
}

interface Attempt {
  readonly peer: PeerConnection;
  readonly opening: Promise<Opening>;
}

/** All connections of this node, and among them the one that is the link to each peer. */
export class LinkTable {
  readonly #options: LinkTableOptions;
  readonly #quietLog: QuietLog;
  readonly #attempts = new Map<string, Attempt>();
  readonly #links = new Map<NodeId, Link>();
  readonly #waiting = new Set<(link: Link) => void>();

  constructor(options: LinkTableOptions) {
    this.#options = options;
    this.#quietLog = new QuietLog(options.log, options.clock, options.limits.loggedAddressesMax);
  }

  get(nodeId: NodeId): Link | undefined {
    return this.#links.get(nodeId);
  }

  all(): readonly Link[] {
    return [...this.#links.values()];
  }

  /** The link that lives on this connection. */
  on(connection: Connection): Link | undefined {
    const attempt = this.#attempts.get(connection.id);
    const link = attempt && this.#links.get(attempt.peer.remoteNodeId);
    return link?.peer === attempt?.peer && link?.peer.isOpen ? link : undefined;
  }

  peerOn(connection: Connection): PeerConnection | undefined {
    return this.#attempts.get(connection.id)?.peer;
  }

  /** A connection was made, by whichever end: the hello exchange begins. */
  add(connection: Connection): void {
    const { publicKey, type } = connection.remotePeer;
    if (publicKey === undefined || type !== "Ed25519") {
      connection.abort(new Error("the peer has no Ed25519 key"));
      return;
    }
    const { promise, resolve } = Promise.withResolvers<Opening>();
    const { helloKey, protocolMajor, limits, clock, counters } = this.#options;
    const peer = new PeerConnection({
      ...{ connection, helloKey, protocolMajor, limits, clock, counters },
      remoteNodeId: nodeIdOf(publicKey.raw),
      local: this.#options.local(),
      onDecide: (deciding, hello) => this.#decide(deciding, hello),
      onOpening: (opened, opening) => {
        if (opening.type === "opened") this.#linkUp(opened, opening.hello);
        resolve(opening);
      },
      onRefused: (refusing, refusal) => this.#logRefusal(refusing, refusal),
      onDown: (lost, reason, error) => this.#linkDown(lost, reason, error),
    });
    this.#attempts.set(connection.id, { peer, opening: promise });
    connection.addEventListener("close", () => this.#attempts.delete(connection.id));
  }

  /** How the hello exchange on a connection ends; never rejects. */
  opening(connection: Connection): Promise<Opening> {
    const error = new ClusterError("link-closed", "the connection ended at once");
    return this.#attempts.get(connection.id)?.opening ?? Promise.resolve({ type: "failed", error });
  }

  /** Resolves when there is a link to `nodeId`; never, when it does not come: the caller brings the deadline. */
  whenLinked(nodeId: NodeId, signal: AbortSignal): Promise<Link> {
    const link = this.#links.get(nodeId);
    if (link) return Promise.resolve(link);
    return new Promise((resolve) => {
      const check = (up: Link): void => {
        if (up.nodeId !== nodeId) return;
        this.#waiting.delete(check);
        resolve(up);
      };
      this.#waiting.add(check);
      signal.addEventListener("abort", () => this.#waiting.delete(check), { once: true });
    });
  }

  /** Says goodbye on every link and cuts what is not linked. */
  async closeAll(): Promise<void> {
    const closing = this.all().map((link) => this.close(link));
    for (const { peer } of [...this.#attempts.values()]) {
      if (!peer.isOpen) peer.fail(new ClusterError("stopped", "this node stops"));
    }
    await Promise.all(closing);
  }

  /** Lets what was sent leave, within `closeTimeoutMs`, then says goodbye. */
  async close(link: Link): Promise<void> {
    const { clock, limits } = this.#options;
    await withDeadline(clock, limits.closeTimeoutMs, link.whenIdle());
    await link.peer.closeGracefully();
  }

  /**
   * This end has the smaller node id and chooses between an existing link and a new connection. The old one is kept
   * when it is alive, so that of two simultaneous dials exactly one becomes the link and it never changes afterwards.
   */
  #decide(peer: PeerConnection, hello: Hello): void {
    const existing = this.#links.get(hello.nodeId);
    if (existing === undefined) {
      peer.open();
    } else if (existing.hello.incarnation !== hello.incarnation) {
      existing.peer.fail(new ClusterError("link-closed", "the peer was started anew"));
      peer.open();
    } else {
      existing.peer.probe((isAlive) => {
        if (isAlive && existing.peer.isOpen) {
          peer.rejectDuplicate();
          return;
        }
        existing.peer.fail(new ClusterError("link-closed", "the link did not answer a probe"));
        // Another connection may have become the link meanwhile; the question is asked again then.
        this.#decide(peer, hello);
      });
    }
  }

  #linkUp(peer: PeerConnection, hello: Hello): void {
    const { limits, clock, counters, onFrame, onRequest } = this.#options;
    // The other end decided that this connection is the link: what this end still holds is gone there.
    this.#links
      .get(hello.nodeId)
      ?.peer.fail(new ClusterError("link-closed", "replaced by the peer"));
    const link = new Link({ peer, hello, limits, clock, counters, onFrame, onRequest });
    this.#links.set(hello.nodeId, link);
    counters.add("transport_links_opened");
    this.#options.onUp(link);
    if (!peer.isOpen) return;
    link.openStreams();
    for (const check of [...this.#waiting]) check(link);
  }

  #linkDown(peer: PeerConnection, reason: "reset" | "closed", error: unknown): void {
    const link = this.#links.get(peer.remoteNodeId);
    if (link?.peer !== peer) return;
    this.#links.delete(peer.remoteNodeId);
    link.close();
    this.#options.counters.add(`transport_links_${reason}`);
    const why = error instanceof Error ? error.message : undefined;
    const isProtocolError = error instanceof ClusterError && error.code.startsWith("frame-");
    if (isProtocolError) {
      const fields = { peer: link.nodeId, name: link.hello.name, why };
      this.#options.log.warn(fields, "link cut: the peer broke the protocol");
    } else {
      this.#options.log.debug({ peer: link.nodeId, reason, why }, "link down");
    }
    this.#options.onDown(link, reason);
  }

  #logRefusal(peer: PeerConnection, refusal: Refusal): void {
    this.#options.counters.add(`transport_refused_${refusal.code.replaceAll("-", "_")}`);
    const address = peer.connection.remoteAddr.toString();
    const subject = `${refusal.code} ${peer.remoteNodeId}`;
    const fields = { peer: peer.remoteNodeId, address, code: refusal.code };
    this.#quietLog.warn(subject, fields, `peer refused: ${refusal.message}`);
  }
}
