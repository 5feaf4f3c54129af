import assert from "node:assert/strict";
import { once } from "node:events";
import { WebSocket } from "ws";
import type { Bench } from "../bench.ts";
import type { Chapter } from "../case.ts";
import * as packets from "../wire/client-packets.ts";
import type { ServerPacket } from "../wire/server-packets.ts";
import { PacketStream } from "../wire/stream.ts";

const deadlineMs = 10_000;

function inTime(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(deadlineMs) };
}

function open(bench: Bench, protocols: readonly string[]): WebSocket {
  const { host, ws } = bench.nodeInTurn();
  return new WebSocket(`ws://${host}:${ws}/mqtt`, [...protocols]);
}

/** Reads binary frames until so many packets have come. */
async function read(socket: WebSocket, bench: Bench, count: number): Promise<ServerPacket[]> {
  const stream = new PacketStream(bench.version);
  const packets: ServerPacket[] = [];
  await new Promise<void>((resolve, reject) => {
    const timeout = AbortSignal.timeout(deadlineMs);
    timeout.addEventListener("abort", () => reject(new Error(`${packets.length} of ${count}`)));
    socket.on("close", () => reject(new Error("closed")));
    socket.on("message", (data: Buffer, isBinary) => {
      if (!isBinary) reject(new Error("a text frame"));
      packets.push(...stream.push(data).map(({ packet }) => packet));
      if (packets.length >= count) resolve();
    });
  });
  return packets;
}

export const websocket: Chapter = {
  title: "WebSocket",
  cases: [
    {
      name: "packets may be cut and joined in frames as it comes, and answers are binary frames",
      v3: ["6.0.0-1", "6.0.0-2"],
      v5: ["6.0.0-1", "6.0.0-2"],
      run: async (bench) => {
        const { version } = bench;
        const topic = bench.topic("frames");
        const socket = open(bench, ["mqtt"]);
        await once(socket, "open", inTime());
        const bytes = Buffer.concat([
          packets.connect(version, { clientId: bench.clientId("ws") }),
          packets.subscribe(version, 1, [[topic, 1]]),
          packets.pingreq,
        ]);
        const answers = read(socket, bench, 3);
        for (let at = 0; at < bytes.length; at += 7) socket.send(bytes.subarray(at, at + 7));
        const types = (await answers).map((packet) => packet.type);
        assert.deepEqual(types.sort(), ["connack", "pingresp", "suback"]);
        const message = read(socket, bench, 1);
        const publisher = await bench.connect("publisher");
        await bench.publish(publisher, { topic, payload: "over TCP", qos: 1 });
        assert.equal((await message)[0]?.type, "publish");
        socket.terminate();
      },
    },
    {
      name: "a text frame ends the connection",
      v3: ["6.0.0-1"],
      v5: ["6.0.0-1"],
      run: async (bench) => {
        const socket = open(bench, ["mqtt"]);
        await once(socket, "open", inTime());
        socket.send(packets.connect(bench.version, { clientId: bench.clientId("ws") }).toString());
        await once(socket, "close", inTime());
      },
    },
    {
      name: "the subprotocol is mqtt, and without it there is no connection",
      v3: ["6.0.0-3", "6.0.0-4"],
      v5: ["6.0.0-3", "6.0.0-4"],
      run: async (bench) => {
        const socket = open(bench, ["chat", "mqtt", "other"]);
        await once(socket, "open", inTime());
        assert.equal(socket.protocol, "mqtt");
        socket.terminate();
        for (const protocols of [[], ["chat"]]) {
          const refused = open(bench, protocols);
          const [error] = (await once(refused, "error", inTime())) as [Error];
          assert.match(error.message, /400/);
        }
      },
    },
  ],
};
