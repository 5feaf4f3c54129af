import { connect } from "node:net";
import mqtt, { type IClientOptions, type IConnackPacket, MqttClient, type Packet } from "mqtt";
import { generate } from "mqtt-packet";
import type { Endpoint } from "../flock.ts";

export interface RoamerOptions {
  readonly clientId: string;
  readonly protocolVersion: 4 | 5;
  /** Asked before each connection: one of them, whichever, is tried. */
  readonly endpoints: () => readonly Endpoint[];
  readonly random: () => number;
  /** MQTT 5 only. */
  readonly receiveMaximum?: number;
}

const sessionExpirySeconds = 3600;
const tracedPacketsMax = 2000;

/**
 * A client whose session outlives its connections, each of which goes to a node of its own choice. It keeps its side of the protocol's
 * state in MQTT.js's stores, through all of them. They are right for QoS 2: a message that comes in is handed on with its PUBREL, once,
 * and one that goes out is repeated as PUBLISH before its PUBREC and as PUBREL behind it.
 */
export class Roamer {
  readonly client: MqttClient;
  readonly #options: RoamerOptions;
  readonly #trace: { readonly packetId: number; readonly text: string }[] = [];
  #node = "";
  #longestAway = { ms: 0, tried: "" };
  #closedMs: number | null = null;
  #triedMs = 0;
  #tried: string[] = [];
  #connections = 0;
  #sessionsLost = 0;

  constructor(options: RoamerOptions) {
    this.#options = options;
    this.client = new MqttClient(() => this.#open(), this.#clientOptions());
    // Refused and lost connections are what a chaos run is about; the client library tries again.
    this.client.on("error", () => undefined);
    this.client.on("close", () => this.#noteClosed());
    this.client.on("packetsend", (packet) => this.#note(">", packet));
    this.client.on("packetreceive", (packet) => {
      this.#note("<", packet);
      if (packet.cmd === "connack") this.#answered(packet);
    });
  }

  /** The longest time between a connection and the next, with the nodes that were tried and how long each of them took. */
  get longestAway(): { readonly ms: number; readonly tried: string } {
    return this.#longestAway;
  }

  get connections(): number {
    return this.#connections;
  }

  /** CONNACKs without Session Present behind one that had begun the session. */
  get sessionsLost(): number {
    return this.#sessionsLost;
  }

  /** What went to and fro under a packet identifier lately, for whoever has to find out why. */
  traceOf(packetId: number): string {
    const own = this.#trace.filter((one) => one.packetId === packetId);
    return own.map(({ text }) => text).join(", ");
  }

  /** Leaves its node for another, with or without a goodbye. */
  move(isPolite: boolean): void {
    const { stream, connected, options } = this.client;
    if (!connected) return;
    if (!isPolite) {
      stream.destroy();
      return;
    }
    const { protocolVersion = 5 } = options;
    stream.end(generate({ cmd: "disconnect", reasonCode: 0 }, { protocolVersion }));
  }

  #open(): ReturnType<typeof connect> {
    const { endpoints, random } = this.#options;
    const all = endpoints();
    const { name, host, mqtt: port } = all[Math.floor(random() * all.length)] as Endpoint;
    this.#node = name;
    this.#triedMs = performance.now();
    return connect({ host, port, noDelay: true });
  }

  #note(direction: "<" | ">", packet: Packet): void {
    const packetId = packet.messageId ?? 0;
    if (packetId === 0) return;
    const repeated = packet.cmd === "publish" && packet.dup ? " dup" : "";
    const where = `${this.#connections} ${this.#node} ${(performance.now() / 1000).toFixed(3)}`;
    this.#trace.push({ packetId, text: `${direction}${packet.cmd}${repeated} (${where})` });
    if (this.#trace.length > tracedPacketsMax) this.#trace.shift();
  }

  #noteClosed(): void {
    if (this.#closedMs === null) this.#closedMs = performance.now();
    else this.#tried.push(this.#attempt());
  }

  #noteBack(): void {
    const ms = this.#closedMs === null ? 0 : Math.round(performance.now() - this.#closedMs);
    this.#tried.push(this.#attempt());
    if (ms > this.#longestAway.ms) this.#longestAway = { ms, tried: this.#tried.join(", ") };
    this.#closedMs = null;
    this.#tried = [];
  }

  #attempt(): string {
    return `${this.#node} ${Math.round(performance.now() - this.#triedMs)} ms`;
  }

  #answered({ returnCode, reasonCode, sessionPresent }: IConnackPacket): void {
    if ((reasonCode ?? returnCode) !== 0) return;
    this.#noteBack();
    if (this.#connections > 0 && !sessionPresent) this.#sessionsLost++;
    this.#connections++;
  }

  #clientOptions(): IClientOptions {
    const { clientId, protocolVersion, receiveMaximum } = this.#options;
    const most = receiveMaximum === undefined ? {} : { receiveMaximum };
    const properties = { sessionExpiryInterval: sessionExpirySeconds, ...most };
    return {
      clientId,
      protocolVersion,
      clean: false,
      ...(protocolVersion === 5 ? { properties } : {}),
      incomingStore: new mqtt.Store({ clean: false }),
      outgoingStore: new mqtt.Store({ clean: false }),
      resubscribe: false,
      queueQoSZero: false,
      keepalive: 3,
      connectTimeout: 3000,
      reconnectPeriod: 100,
      reconnectOnConnackError: true,
    };
  }
}
