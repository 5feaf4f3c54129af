import { connect, type Socket } from "node:net";
import { generate, type IPublishPacket, type Packet, parser } from "mqtt-packet";

const protocolVersion = 5;
const answerTimeoutMs = 60_000;
const sessionExpirySeconds = 3600;

interface Waiting {
  readonly resolve: (packet: Packet) => void;
  readonly reject: (error: Error) => void;
}

/** A small MQTT 5 client, because thousands of a library's would be what is measured. */
export class SessionClient {
  readonly #socket: Socket;
  readonly #waiting = new Map<string, Waiting>();
  readonly #received: (packet: IPublishPacket) => void;
  #packetId = 0;

  private constructor(port: number, received: (packet: IPublishPacket) => void) {
    this.#received = received;
    this.#socket = connect({ host: "127.0.0.1", port, noDelay: true });
    const packets = parser({ protocolVersion });
    packets.on("packet", (packet) => this.#receive(packet));
    packets.on("error", (error: Error) => this.#fail(error));
    this.#socket.on("data", (bytes: Buffer) => packets.parse(bytes));
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.on("close", () => this.#fail(new Error("the broker closed the connection")));
  }

  /** Whether its session was there already. `received` gets every PUBLISH, which is acknowledged at once. */
  static async open(
    port: number,
    clientId: string,
    received: (packet: IPublishPacket) => void,
  ): Promise<{ readonly client: SessionClient; readonly isSessionPresent: boolean }> {
    const client = new SessionClient(port, received);
    const answer = client.#answer("connack");
    client.#send({
      ...{ cmd: "connect", protocolId: "MQTT", protocolVersion, clientId, clean: false },
      ...{ keepalive: 0, properties: { sessionExpiryInterval: sessionExpirySeconds } },
    });
    const packet = await answer;
    if (packet.cmd !== "connack" || packet.reasonCode !== 0) {
      throw new Error(`${clientId} was refused: ${JSON.stringify(packet)}`);
    }
    return { client, isSessionPresent: packet.sessionPresent };
  }

  async subscribe(filters: readonly string[]): Promise<void> {
    const messageId = this.#nextPacketId();
    const answer = this.#answer(`suback ${messageId}`);
    const subscriptions = filters.map((topic) => ({ topic, qos: 1 as const }));
    this.#send({ cmd: "subscribe", messageId, subscriptions });
    const packet = await answer;
    const granted = packet.cmd === "suback" ? packet.granted : [];
    if (granted.length !== filters.length || granted.some((code) => code !== 1)) {
      throw new Error(`a subscription was refused: ${JSON.stringify(packet)}`);
    }
  }

  /** QoS 1; resolves with its PUBACK. */
  async publish(topic: string, payload: Buffer): Promise<void> {
    const messageId = this.#nextPacketId();
    const answer = this.#answer(`puback ${messageId}`);
    this.#send({ cmd: "publish", topic, payload, qos: 1, messageId, dup: false, retain: false });
    const packet = await answer;
    if (packet.cmd === "puback" && packet.reasonCode === 0) return;
    throw new Error(`a message was refused: ${JSON.stringify(packet)}`);
  }

  /** Says goodbye; its session stays. Resolves when the socket is closed. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) return resolve();
      this.#socket.once("close", () => resolve());
      this.#socket.end(generate({ cmd: "disconnect", reasonCode: 0 }, { protocolVersion }));
    });
  }

  #send(packet: Packet): void {
    if (!this.#socket.destroyed) this.#socket.write(generate(packet, { protocolVersion }));
  }

  #receive(packet: Packet): void {
    if (packet.cmd === "publish") {
      const { messageId = 0 } = packet;
      this.#received(packet);
      if (packet.qos === 1) this.#send({ cmd: "puback", messageId, reasonCode: 0 });
      return;
    }
    const key = packet.cmd === "connack" ? "connack" : `${packet.cmd} ${packet.messageId}`;
    this.#waiting.get(key)?.resolve(packet);
    this.#waiting.delete(key);
  }

  #answer(key: string): Promise<Packet> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no ${key} after ${answerTimeoutMs} ms`));
      }, answerTimeoutMs);
      this.#waiting.set(key, {
        resolve: (packet) => {
          clearTimeout(timer);
          resolve(packet);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  #fail(error: Error): void {
    this.#socket.destroy();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }

  #nextPacketId(): number {
    this.#packetId = (this.#packetId % 65_535) + 1;
    return this.#packetId;
  }
}
