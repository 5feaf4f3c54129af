import { SessionClient } from "../sessions/session-client.ts";

/** A session that outlives its connection, with one subscription; resolves when its client has gone. */
export async function storeSession(port: number, clientId: string, filter: string): Promise<void> {
  const { client } = await SessionClient.open(port, clientId, () => undefined);
  await client.subscribe([filter]);
  await client.close();
}
