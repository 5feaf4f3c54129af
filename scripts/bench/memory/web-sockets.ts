import { once } from "node:events";
import { WebSocket } from "ws";
import { connectPacket } from "../load/packets.ts";
import { inTurn } from "./clients.ts";

/** So many clients over WebSocket that say nothing; resolves with what ends them. */
export async function openWebSockets(port: number, count: number): Promise<() => void> {
  const sockets: WebSocket[] = [];
  await inTurn(count, async (at) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, "mqtt");
    sockets.push(socket);
    await once(socket, "open");
    const answered = once(socket, "message");
    socket.send(connectPacket(`idle-${at}`));
    await answered;
  });
  return () => {
    for (const socket of sockets) socket.terminate();
  };
}
