import { once } from "node:events";
import { WebSocket } from "ws";
import type { NodeProcess } from "../support/node-process.ts";

/** For the environment of a node whose garbage is to be collected: an inspector on any free port of this machine. */
export const inspectorOptions = "--inspect=127.0.0.1:0";

const answerTimeoutMs = 30_000;

/** Has the node collect its garbage, so that what is left in its memory is what it holds. */
export async function collectGarbage(node: NodeProcess): Promise<void> {
  const url = node.log.map((line) => /ws:\/\/\S+/.exec(line)?.[0]).find((found) => found);
  if (url === undefined) throw new Error("the node has no inspector");
  const socket = new WebSocket(url);
  const signal = AbortSignal.timeout(answerTimeoutMs);
  await once(socket, "open", { signal });
  socket.send(JSON.stringify({ id: 1, method: "HeapProfiler.collectGarbage" }));
  await once(socket, "message", { signal });
  socket.close();
}
