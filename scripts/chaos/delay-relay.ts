/**
 * Stands in the namespace of a node and delays what goes to its peers: `GID LEAST-MS MOST-MS PORT=HOST:PORT ...`. Whatever connects
 * to PORT is connected to HOST:PORT, byte by byte and in order, each piece late by a time between the two. It takes on the
 * group GID, by which the packet filter knows its connections from those of the node.
 */
import { connect, createServer, type Socket } from "node:net";

/** Of one direction of a connection, under way; more waits with the sender, as behind a full window. */
const underwayBytesMax = 8 * 1024 * 1024;

const [gid, leastMs, mostMs] = process.argv.slice(2, 5).map(Number) as [number, number, number];
process.setgid?.(gid);

let waiting = 0;
for (const pair of process.argv.slice(5)) {
  const [port, address = ""] = pair.split("=");
  const [host = "", peerPort] = address.split(":");
  waiting++;
  createServer({ allowHalfOpen: true, noDelay: true }, (inside) => {
    const outside = connect({ host, port: Number(peerPort), allowHalfOpen: true, noDelay: true });
    pass(inside, outside);
    pass(outside, inside);
  }).listen(Number(port), () => {
    waiting--;
    if (waiting === 0) console.log("ready");
  });
}
// Whoever started this holds the other end; when it is gone there is nothing to delay.
process.stdin.on("end", () => process.exit(0)).resume();

/** One timer for all that is under way: two timers may fire in another order than they were set. */
function pass(from: Socket, to: Socket): void {
  const underway: { readonly arrivesMs: number; readonly arrive: () => void }[] = [];
  let underwayBytes = 0;
  const wait = (): void => {
    const [next] = underway;
    if (next !== undefined) setTimeout(arrive, Math.max(0, next.arrivesMs - performance.now()));
  };
  const arrive = (): void => {
    const nowMs = performance.now();
    while ((underway[0]?.arrivesMs ?? Number.POSITIVE_INFINITY) <= nowMs)
      underway.shift()?.arrive();
    wait();
  };
  const late = (then: () => void): void => {
    const delayMs = leastMs + Math.random() * (mostMs - leastMs);
    const lastMs = underway.at(-1)?.arrivesMs ?? 0;
    underway.push({ arrivesMs: Math.max(lastMs, performance.now() + delayMs), arrive: then });
    if (underway.length === 1) wait();
  };
  from.on("data", (piece: Buffer) => {
    underwayBytes += piece.length;
    if (underwayBytes > underwayBytesMax) from.pause();
    late(() => {
      underwayBytes -= piece.length;
      if (!to.destroyed) to.write(piece);
      if (underwayBytes <= underwayBytesMax) from.resume();
    });
  });
  from.on("end", () => late(() => to.end()));
  from.on("error", () => undefined);
  from.on("close", (hadError) => {
    if (hadError) to.destroy();
  });
}
