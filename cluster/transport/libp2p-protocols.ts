import type { Connection, Stream } from "@libp2p/interface";
import { streamsPerProtocolMax, type TransportLimits } from "../limits.ts";
import type { Counters } from "../ports.ts";
import { formatAddress } from "./hello.ts";
import { bulkProtocol, receiveBulk } from "./libp2p-bulk.ts";
import { helloProtocol } from "./libp2p-connection.ts";
import { laneNames, protocolOf } from "./libp2p-lane.ts";
import type { Link } from "./libp2p-link.ts";
import type { LinkTable } from "./libp2p-link-table.ts";
import type { Libp2pNode } from "./libp2p-node.ts";
import type { PendingConnections } from "./libp2p-pending.ts";
import type { TransportHandlers } from "./transport.ts";

export interface ProtocolOptions {
  readonly node: Libp2pNode;
  readonly links: LinkTable;
  readonly pending: PendingConnections;
  readonly handlers: TransportHandlers;
  readonly counters: Counters;
  readonly limits: TransportLimits;
}

/** Connects libp2p's events and incoming streams with the table of links; all but the hello need a verified peer. */
export async function serveProtocols(options: ProtocolOptions): Promise<void> {
  const { node, links, pending, handlers, limits } = options;
  const bounds = { maxInboundStreams: streamsPerProtocolMax };
  node.addEventListener("connection:open", ({ detail }) => {
    pending.encrypted(detail);
    links.add(detail);
  });
  node.addEventListener("peer:discovery", ({ detail }) => {
    const found = detail.multiaddrs.flatMap((one) => addressOf(one.toString()) ?? []);
    if (found.length > 0) handlers.onDiscovered(found.sort(byLoopbackLast));
  });
  await node.handle(
    helloProtocol,
    (stream, connection) => links.peerOn(connection)?.acceptHelloStream(stream),
    bounds,
  );
  for (const name of laneNames) {
    await node.handle(
      protocolOf(name),
      (stream, connection) => linkOf(options, stream, connection)?.acceptStream(name, stream),
      bounds,
    );
  }
  await node.handle(
    bulkProtocol,
    async (stream, connection) => {
      const link = linkOf(options, stream, connection);
      if (!link) return;
      await receiveBulk(stream, limits, (kind, header, chunks) =>
        handlers.onBulk(link.nodeId, kind, header, chunks),
      );
    },
    { maxInboundStreams: Math.max(streamsPerProtocolMax, 2 * limits.bulkTransfersMax) },
  );
}

/** The link that the stream belongs to; without one the stream is refused. */
function linkOf(
  { links, counters }: ProtocolOptions,
  stream: Stream,
  connection: Connection,
): Link | undefined {
  const link = links.on(connection);
  if (link) return link;
  counters.add("transport_streams_refused");
  stream.abort(new Error("the peer is not verified"));
  return undefined;
}

/** `/ip4/10.0.0.1/tcp/7001` as HOST:PORT; null when it is something else. */
function addressOf(text: string): string | null {
  const match = /^\/ip[46]\/([^/]+)\/tcp\/(\d+)/.exec(text);
  return match ? formatAddress(match[1] ?? "", Number(match[2])) : null;
}

/** On another machine the loopback address leads elsewhere. */
function byLoopbackLast(left: string, right: string): number {
  const isLoopback = (address: string): number => Number(/^(127\.|\[::1\])/.test(address));
  return isLoopback(left) - isLoopback(right);
}
