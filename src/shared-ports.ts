import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { PortRequest } from "./config/listen-ports.ts";
import { UsageError } from "./config/usage-error.ts";

const connectTimeoutMs = 1000;
/** A node that starts tries its ports for an instant, which is not what is looked for here. */
const secondLookMs = 100;

/**
 * For a node that is the only member of its cluster, before it listens: whoever listens at a port that it is to share belongs to another
 * cluster, and clients would get to one or the other by chance. Throws UsageError then.
 */
export async function refuseSecondCluster(requests: readonly PortRequest[]): Promise<void> {
  for (const { host, port, isShared } of requests) {
    if (!isShared || !(await isAnswered(host, port))) continue;
    await pause(secondLookMs);
    if (!(await isAnswered(host, port))) continue;
    throw new UsageError(
      `--reuse-port: a node of another cluster listens on ${host}:${port}; to be of that cluster start with --join and an empty data directory`,
      1,
    );
  }
}

function isAnswered(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: connectTimeoutMs });
    const answer = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
    // Nobody accepts, and somebody listens: a node that is paused.
    socket.once("timeout", () => answer(true));
  });
}
