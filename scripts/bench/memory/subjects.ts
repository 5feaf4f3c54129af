import { percentileOfSorted } from "../statistics.ts";
import { closeClients, inTurn, openClients, storm } from "./clients.ts";
import type { Memory } from "./measured-node.ts";
import { MeasuredNode } from "./measured-node.ts";
import { readRetained, writeRetained } from "./retained.ts";
import { storeSession } from "./stored-session.ts";
import { openWebSockets } from "./web-sockets.ts";

/** What one thing costs. Bytes are differences of a node's memory, by the number of things. */
export interface Row {
  readonly subject: string;
  readonly count: number;
  readonly heapBytes: number | null;
  readonly residentBytes: number | null;
  /** Whatever else was measured, in words. */
  readonly notes: string;
}

export interface Counts {
  readonly connections: number;
  readonly subscriptions: number;
  readonly retained: number;
  readonly payload: number;
  readonly sessions: number;
  readonly storm: number;
}

const subscribers = 20;
const filtersPerPacket = 500;
const idleMs = 10_000;

/** Each measures on a new node, so that nothing of another is in its way. */
export const subjects: Readonly<Record<string, (counts: Counts) => Promise<readonly Row[]>>> = {
  connections: ({ connections: count }) =>
    onNewNode(async (node) => {
      const before = await node.memory();
      const startMs = performance.now();
      const clients = await openClients(node.port, count, "idle");
      const seconds = (performance.now() - startMs) / 1000;
      const row = costs("idle connection", count, before, await node.memory());
      await closeClients(clients);
      const notes = `${Math.round(count / seconds)} a second, 200 at a time`;
      return [{ ...row, notes }];
    }),

  websockets: ({ connections: count }) =>
    onNewNode(async (node) => {
      const before = await node.memory();
      const end = await openWebSockets(node.webSocketPort, count);
      const row = costs("idle connection over WebSocket", count, before, await node.memory());
      end();
      return [row];
    }),

  subscriptions: ({ subscriptions: count }) =>
    onNewNode(async (node) => {
      const clients = await openClients(node.port, subscribers, "subscriber");
      const before = await node.memory();
      const each = Math.ceil(count / subscribers);
      await inTurn(subscribers, async (client) => {
        const end = Math.min((client + 1) * each, count);
        for (let at = client * each; at < end; at += filtersPerPacket) {
          const length = Math.min(filtersPerPacket, end - at);
          const filters = Array.from({ length }, (_, index) => filterOf(at + index));
          await clients[client]!.subscribe(filters, 1);
        }
      });
      const row = costs("subscription, all filters different", count, before, await node.memory());
      await closeClients(clients);
      return [row];
    }),

  retained: ({ retained: count, payload }) =>
    onNewNode(async (node) => {
      const before = await node.memory();
      const startMs = performance.now();
      await writeRetained(node.port, count, payload);
      const writeSeconds = (performance.now() - startMs) / 1000;
      const row = costs(
        `retained topic, beyond its ${payload} bytes`,
        count,
        before,
        await node.memory(),
      );
      let received = 0;
      const readStartMs = performance.now();
      const delay = await node.loopDelayDuring(async () => {
        received = await readRetained(node.port, count, idleMs);
      });
      const readSeconds = (performance.now() - readStartMs) / 1000;
      const beyond = (bytes: number | null): number | null =>
        bytes === null ? null : bytes - payload;
      return [
        {
          ...row,
          ...{ heapBytes: beyond(row.heapBytes), residentBytes: beyond(row.residentBytes) },
          notes: `written in ${writeSeconds.toFixed(1)} s`,
        },
        {
          ...{ subject: "wildcard SUBSCRIBE to all of them", count: received },
          ...{ heapBytes: null, residentBytes: null },
          notes: `in ${readSeconds.toFixed(1)} s, ${count - received} missing; the event loop stood for at most ${delay.maxMs.toFixed(1)} ms, p99 ${delay.p99Ms.toFixed(1)} ms`,
        },
      ];
    }),

  sessions: ({ sessions: count }) =>
    onNewNode(async (node) => {
      const before = await node.memory();
      const startMs = performance.now();
      await inTurn(count, (at) => storeSession(node.port, `stored-${at}`, filterOf(at)));
      const seconds = (performance.now() - startMs) / 1000;
      const row = costs(
        "offline session with one subscription",
        count,
        before,
        await node.memory(),
      );
      return [{ ...row, notes: `${Math.round(count / seconds)} begun and left a second` }];
    }),

  storm: ({ storm: count }) =>
    onNewNode(async (node) => {
      const connectedMs = await storm(node.port, count);
      const at = (share: number): string => percentileOfSorted(connectedMs, share).toFixed(0);
      return [
        {
          ...{ subject: "connect storm", count, heapBytes: null, residentBytes: null },
          notes: `half in ${at(0.5)} ms, 99 % in ${at(0.99)} ms, all in ${at(1)} ms`,
        },
      ];
    }),
};

async function onNewNode(
  measure: (node: MeasuredNode) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  const node = await MeasuredNode.start();
  try {
    return await measure(node);
  } finally {
    await node.stop();
  }
}

function costs(subject: string, count: number, before: Memory, after: Memory): Row {
  return {
    subject,
    count,
    heapBytes: Math.round((after.heap - before.heap) / count),
    residentBytes: Math.round((after.resident - before.resident) / count),
    notes: "",
  };
}

/** Half of them exact, half with a wildcard. */
function filterOf(at: number): string {
  return at % 2 === 0 ? `site/${at % 100}/machine-${at}/state` : `site/+/machine-${at}/+`;
}
