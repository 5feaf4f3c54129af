import { connect, type Socket } from "node:net";
import { generate, type Packet, parser } from "mqtt-packet";
import type { Endpoint } from "../flock.ts";

const protocolVersion = 5;

export interface RivalConnectionOptions {
  readonly clientId: string;
  readonly topic: string;
  /** Of this connection among all of its client identifier: what it publishes says so. */
  readonly serial: number;
  readonly endpoint: Endpoint;
  /** CONNACK came and accepted it. */
  readonly accepted: (connection: RivalConnection) => void;
  /** A PUBACK without an error for what was written at `sentMs`. */
  readonly acknowledged: (connection: RivalConnection, sentMs: number) => void;
  readonly closed: (connection: RivalConnection) => void;
}

/** One connection of a client identifier that others want, too. It makes none anew and repeats nothing. */
export class RivalConnection {
  readonly endpoint: Endpoint;
  readonly serial: number;
  readonly #options: RivalConnectionOptions;
  readonly #socket: Socket;
  readonly #sentMs = new Map<number, number>();
  #packetId = 0;
  #isAccepted = false;
  #closedMs: number | null = null;

  constructor(options: RivalConnectionOptions) {
    this.#options = options;
    this.endpoint = options.endpoint;
    this.serial = options.serial;
    const { host, mqtt: port } = options.endpoint;
    this.#socket = connect({ host, port, noDelay: true });
    const packets = parser({ protocolVersion });
    packets.on("packet", (packet) => this.#receive(packet));
    packets.on("error", () => this.close());
    this.#socket.on("data", (bytes: Buffer) => packets.parse(bytes));
    this.#socket.on("error", () => undefined);
    this.#socket.on("close", () => {
      this.#closedMs = performance.now();
      options.closed(this);
    });
    this.#send({
      ...{ cmd: "connect", protocolId: "MQTT", protocolVersion, clientId: options.clientId },
      ...{ clean: false, keepalive: 5, properties: { sessionExpiryInterval: 3600 } },
    });
  }

  /** When the socket was closed; null while it is open. */
  get closedMs(): number | null {
    return this.#closedMs;
  }

  /** One QoS 1 message that names this connection, if it was accepted. */
  publish(): void {
    if (!this.#isAccepted || this.#closedMs !== null) return;
    const { topic } = this.#options;
    const messageId = (this.#packetId++ % 65_535) + 1;
    this.#sentMs.set(messageId, performance.now());
    const payload = `${this.serial} ${this.#packetId}`;
    this.#send({ cmd: "publish", topic, payload, qos: 1, messageId, dup: false, retain: false });
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(packet: Packet): void {
    if (!this.#socket.destroyed) this.#socket.write(generate(packet, { protocolVersion }));
  }

  #receive(packet: Packet): void {
    if (packet.cmd === "connack") {
      if (packet.reasonCode !== 0) return this.close();
      this.#isAccepted = true;
      this.#options.accepted(this);
    } else if (packet.cmd === "puback") {
      const sentMs = this.#sentMs.get(packet.messageId ?? 0);
      this.#sentMs.delete(packet.messageId ?? 0);
      // 0x10: nobody was there to hear it.
      const isGood = packet.reasonCode === 0 || packet.reasonCode === 0x10;
      if (sentMs !== undefined && isGood) this.#options.acknowledged(this, sentMs);
    }
  }
}
