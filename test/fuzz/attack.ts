import { connect, type Socket } from "node:net";
import { WireFault } from "../conformance/wire/fault.ts";
import { PacketStream } from "../conformance/wire/stream.ts";
import { Choices } from "./choices.ts";
import { type Attempt, attempt } from "./generator.ts";

/** A server that has not closed a half-closed connection by then has lost it. */
const closeTimeoutMs = 15_000;

export interface AttackOptions {
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  /** At least so many are sent. */
  readonly packets: number;
  readonly connectionsAtOnce: number;
  /** Asked before each connection; true ends the attack early. */
  readonly isOver?: () => boolean;
}

export interface AttackResult {
  readonly packetsSent: number;
  readonly bytesSent: number;
  readonly connections: number;
  readonly packetsReceived: number;
  /** What the server must not have done, with the bytes that led to it; at most a few. */
  readonly faults: readonly string[];
}

const faultsKept = 5;

/** Random bytes and mutated packets over many connections, one attempt each. Every answer is read strictly. */
export async function attack(options: AttackOptions): Promise<AttackResult> {
  const choices = new Choices(options.seed);
  const totals = { packetsSent: 0, bytesSent: 0, connections: 0, packetsReceived: 0 };
  const faults: string[] = [];
  const worker = async () => {
    while (totals.packetsSent < options.packets && faults.length < faultsKept) {
      if (options.isOver?.() === true) return;
      const next = attempt(choices);
      totals.packetsSent += next.packetCount;
      totals.bytesSent += next.first.length + next.rest.length;
      totals.connections += 1;
      const address = `127.${1 + (totals.connections % 200)}.0.1`;
      try {
        const received = await say(next, options, address);
        totals.packetsReceived += received;
      } catch (error) {
        const bytes = Buffer.concat([next.first, next.rest]);
        faults.push(`${String(error)}\n  after ${bytes.toString("hex")}`);
      }
    }
  };
  await Promise.all(Array.from({ length: options.connectionsAtOnce }, worker));
  return { ...totals, faults: faults.slice(0, faultsKept) };
}

/** Says it all, half-closes, and reads until the server closes; answers the number of packets read. */
function say(next: Attempt, { host, port }: AttackOptions, localAddress: string): Promise<number> {
  // Many source addresses, so that ports are not used up by closed connections.
  const socket = connect({ host, port, ...(host === "127.0.0.1" ? { localAddress } : {}) });
  const stream = next.version === null ? null : new PacketStream(next.version);
  let packetsReceived = 0;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      fail(socket, reject, new WireFault("the server does not close the connection"));
    }, closeTimeoutMs);
    if (next.isPatient) {
      socket.write(next.first);
      socket.once("data", () => socket.end(next.rest));
    } else socket.end(Buffer.concat([next.first, next.rest]));
    socket.on("data", (chunk: Buffer) => {
      try {
        packetsReceived += stream?.push(chunk).length ?? 0;
      } catch (error) {
        fail(socket, reject, error);
      }
    });
    socket.on("error", () => {
      // A reset is an answer, too.
    });
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(packetsReceived);
    });
  });
}

function fail(socket: Socket, reject: (error: unknown) => void, error: unknown): void {
  reject(error);
  socket.destroy();
}
