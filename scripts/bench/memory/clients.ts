import { Connection, type ConnectionHandler } from "../load/connection.ts";

const atOnce = 200;

const quiet: ConnectionHandler = {
  publish() {},
  acknowledge() {},
  readEnded() {},
  failed(error) {
    throw error;
  },
};

/** So many clients that say nothing, opened a few at a time. */
export async function openClients(
  port: number,
  count: number,
  name: string,
): Promise<readonly Connection[]> {
  const clients: Connection[] = [];
  await inTurn(count, async (at) => {
    const client = new Connection({ port }, quiet);
    clients.push(client);
    await client.open(`${name}-${at}`);
  });
  return clients;
}

export async function closeClients(clients: readonly Connection[]): Promise<void> {
  await inTurn(clients.length, (at) => clients[at]!.close());
}

/** Milliseconds until each of so many clients is connected that all come at the same moment, ascending. */
export async function storm(port: number, count: number): Promise<Float64Array> {
  const startMs = performance.now();
  const clients = Array.from({ length: count }, () => new Connection({ port }, quiet));
  const connectedMs = Float64Array.from(
    await Promise.all(
      clients.map(async (client, at) => {
        await client.open(`storm-${at}`);
        return performance.now() - startMs;
      }),
    ),
  );
  await closeClients(clients);
  return connectedMs.sort();
}

/** `work` for 0, 1, 2, ... with a bounded number under way. */
export async function inTurn(count: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
}
