import assert from "node:assert/strict";
import type { Bench } from "../bench.ts";
import type { ServerPacket } from "../wire/server-packets.ts";

/** Sends bytes on a new connection, which the server must close; answers what it said before. */
export async function refusedFirst(bench: Bench, bytes: Buffer): Promise<ServerPacket[]> {
  const client = await bench.open("refused");
  client.send(bytes);
  return client.untilClosed();
}

/** Sends bytes after a CONNECT; the server must close. In MQTT 5 its DISCONNECT must have one of the codes, when given. */
export async function refused(
  bench: Bench,
  bytes: Buffer,
  codes?: readonly number[],
): Promise<void> {
  const client = await bench.connect(`refused${bench.packetId()}`);
  client.send(bytes);
  const code = await client.closingCode();
  if (!bench.isMqtt5) return;
  assert.ok(code !== null && code >= 0x80, `closed with ${code} after ${bytes.toString("hex")}`);
  if (codes !== undefined) {
    assert.ok(codes.includes(code), `closed with 0x${code.toString(16)}`);
  }
}

/** The CONNECT in `bytes` must be refused: 3.1.1 without a word, 5 with an error at most. */
export async function refusedConnect(bench: Bench, bytes: Buffer): Promise<void> {
  const answers = await refusedFirst(bench, bytes);
  if (!bench.isMqtt5) {
    // [MQTT-3.1.4-1] of 3.1.1
    assert.deepEqual(answers, []);
    return;
  }
  for (const answer of answers) {
    assert.ok(answer.type === "connack" && answer.code >= 0x80, "only a CONNACK with an error");
  }
}
