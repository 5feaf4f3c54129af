import { generate } from "mqtt-packet";
import { expect, test } from "vitest";
import type { Channel } from "../../../src/broker/channel.ts";
import { ReadMemory } from "../../../src/listeners/read-memory.ts";
import { BrokerRig } from "../../support/broker-rig.ts";
import { heapSizeBytes } from "../../support/heap.ts";

const memory = new ReadMemory();

const clients = 2000;
/** What the fakes keep included, it takes 3,300, and took 5,700 when each client had empty tables and closures of its own. */
const sizeBytesMax = 4000;

/** One for all clients: what a socket takes is Node's. */
const channel: Channel = {
  remoteAddress: "127.0.0.1",
  isLoopback: true,
  write: () => undefined,
  bufferedSizeBytes: () => 0,
  end: () => undefined,
  destroy: () => undefined,
  pauseReading: () => undefined,
  resumeReading: () => undefined,
};

test("a client that does nothing takes little memory beside its socket", async () => {
  const rig = new BrokerRig();
  const { broker } = rig.addNode();
  const connect = async (from: number, to: number): Promise<void> => {
    for (let at = from; at < to; at++) {
      const clientId = `client-${at}`;
      const packet = { cmd: "connect", clientId, clean: true, keepalive: 60 } as const;
      const bytes = generate({ ...packet, protocolId: "MQTT" });
      memory.useGiven(bytes, broker.accept(channel)!);
    }
    await rig.settle();
  };
  await connect(0, 100);
  const before = heapSizeBytes();
  await connect(100, 100 + clients);
  const each = (heapSizeBytes() - before) / clients;
  expect(broker.figures().connections).toBe(100 + clients);
  expect(each).toBeLessThan(sizeBytesMax);
});
