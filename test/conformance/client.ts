import { connect as connectSocket, type Socket } from "node:net";
import { pingreq } from "./wire/client-packets.ts";
import { WireFault } from "./wire/fault.ts";
import type { Connack, Publish, ServerPacket, Version } from "./wire/server-packets.ts";
import { type Framed, PacketStream } from "./wire/stream.ts";

/** How long a test waits for what must come. Generous: a slow machine is not a fault of the server. */
const deadlineMs = 10_000;

/** The member of the union that may have this type, narrowed to it. */
type PacketOf<Type, Packet = ServerPacket> = Packet extends { readonly type: infer Types }
  ? Type extends Types
    ? Packet & { readonly type: Type }
    : never
  : never;

/** A socket to the server that says exactly what the test says, and reads strictly. */
export class TestClient {
  readonly version: Version;
  readonly clientId: string;
  /** What the client announced; a larger packet is a fault. */
  maximumPacketSizeBytes = Number.POSITIVE_INFINITY;
  connack: Connack | null = null;
  readonly #socket: Socket;
  readonly #stream: PacketStream;
  readonly #packets: ServerPacket[] = [];
  readonly #wakers = new Set<() => void>();
  #isEnded = false;
  #fault: Error | null = null;

  private constructor(socket: Socket, version: Version, clientId: string) {
    this.#socket = socket;
    this.version = version;
    this.clientId = clientId;
    this.#stream = new PacketStream(version);
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#received(chunk));
    socket.on("end", () => this.#ended());
    socket.on("close", () => this.#ended());
    socket.on("error", () => {
      // A reset is one of the ways in which a server may end a connection.
    });
  }

  static async open(
    host: string,
    port: number,
    version: Version,
    clientId: string,
  ): Promise<TestClient> {
    const socket = connectSocket({ host, port });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new TestClient(socket, version, clientId);
  }

  send(...packets: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(packets));
  }

  /** The next packet, which must be of this type. */
  async expect<Type extends ServerPacket["type"]>(type: Type): Promise<PacketOf<Type>> {
    const packet = await this.next(type);
    if (packet.type !== type) throw new WireFault(`${type} expected, not ${describe(packet)}`);
    return packet as PacketOf<Type>;
  }

  /** The next PUBLISH, whose payload must be this. */
  async expectMessage(payload: string): Promise<Publish> {
    const message = await this.expect("publish");
    const found = message.payload.toString();
    if (found !== payload) throw new WireFault(`message "${payload}" expected, not "${found}"`);
    return message;
  }

  async next(what = "a packet"): Promise<ServerPacket> {
    await this.#until(() => this.#packets.length > 0 || this.#isEnded, what);
    const packet = this.#packets.shift();
    if (packet === undefined) throw new WireFault(`the server closed instead of sending ${what}`);
    return packet;
  }

  /** Everything that the server sent before it answers a PINGREQ: what is not among it did not come. */
  async untilPong(): Promise<ServerPacket[]> {
    this.send(pingreq);
    const packets: ServerPacket[] = [];
    for (;;) {
      const packet = await this.next("pingresp");
      if (packet.type === "pingresp") return packets;
      packets.push(packet);
    }
  }

  /** Everything up to the end of the connection, which the server must bring about. */
  async untilClosed(): Promise<ServerPacket[]> {
    await this.#until(() => this.#isEnded, "the end of the connection");
    if (!this.#stream.isBetweenPackets) throw new WireFault("the last packet is incomplete");
    return this.#packets.splice(0);
  }

  /** The server must close; answers the reason code of its DISCONNECT, null without one. */
  async closingCode(): Promise<number | null> {
    const last = (await this.untilClosed()).at(-1);
    return last?.type === "disconnect" ? last.code : null;
  }

  /** The network fails: no DISCONNECT. */
  drop(): void {
    this.#socket.resetAndDestroy();
  }

  /** Half-closes, as after a DISCONNECT. */
  end(): void {
    this.#socket.end();
  }

  #received(chunk: Buffer): void {
    try {
      for (const framed of this.#stream.push(chunk)) this.#take(framed);
    } catch (error) {
      this.#fault = error instanceof Error ? error : new Error(String(error));
      this.#socket.destroy();
    }
    this.#wake();
  }

  #take({ packet, sizeBytes }: Framed): void {
    // [MQTT-3.1.2-24]
    if (sizeBytes > this.maximumPacketSizeBytes) {
      throw new WireFault(`a packet of ${sizeBytes} bytes, ${packet.type}`);
    }
    // [MQTT-3.14.4-1] and [MQTT-3.2.0-2]
    if (this.#packets.at(-1)?.type === "disconnect") throw new WireFault("more after DISCONNECT");
    if (packet.type === "connack" && this.connack !== null) throw new WireFault("two CONNACKs");
    if (packet.type === "connack") this.connack = packet;
    // [MQTT-3.2.0-1]
    else if (this.connack === null && packet.type !== "auth")
      throw new WireFault(`${packet.type} before CONNACK`);
    this.#packets.push(packet);
  }

  #ended(): void {
    this.#isEnded = true;
    this.#socket.destroy();
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#wakers) wake();
  }

  async #until(isTrue: () => boolean, what: string): Promise<void> {
    const timeout = AbortSignal.timeout(deadlineMs);
    while (!isTrue()) {
      if (this.#fault !== null) throw this.#fault;
      if (timeout.aborted) throw new WireFault(`${this.clientId} waited in vain for ${what}`);
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#wakers.delete(wake);
          timeout.removeEventListener("abort", wake);
          resolve();
        };
        this.#wakers.add(wake);
        timeout.addEventListener("abort", wake);
      });
    }
    if (this.#fault !== null) throw this.#fault;
  }
}

function describe(packet: ServerPacket): string {
  const { type } = packet;
  if (type === "publish") return `publish "${packet.payload.toString()}" to ${packet.topic}`;
  return "code" in packet ? `${type} 0x${packet.code.toString(16)}` : type;
}
