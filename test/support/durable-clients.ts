import { expect } from "vitest";
import type { BrokerRig, RigClient, RigNode } from "./broker-rig.ts";

/** Numbers from a seed: the same each time. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A client with a session that outlives its connections: what it keeps of section 4.3, and how it comes back. */
export class DurableClient {
  readonly clientId: string;
  readonly connections: { readonly client: RigClient; readonly node: RigNode }[] = [];
  readonly #rig: BrokerRig;
  #current: RigClient | null = null;
  isReady = false;
  /** Its session was lost although nothing ended it. */
  lostSessions = 0;
  #wasConnected = false;

  constructor(rig: BrokerRig, clientId: string) {
    this.#rig = rig;
    this.clientId = clientId;
  }

  get isConnecting(): boolean {
    return this.#current !== null && !this.isReady;
  }

  get hasConnection(): boolean {
    return this.#current !== null;
  }

  /** Leaves whatever connection it has to itself, as a client does whose network has changed. */
  connect(node: RigNode): void {
    const client = this.#rig.open(node);
    this.connections.push({ client, node });
    this.#current = client;
    this.isReady = false;
    const properties = { sessionExpiryInterval: 3600, receiveMaximum: 4 };
    client.connect(this.clientId, { clean: false, properties });
  }

  /** The socket breaks; `isHeard`: the node sees that. */
  lose(isHeard: boolean): void {
    const client = this.#current;
    this.#current = null;
    this.isReady = false;
    if (isHeard) client?.drop();
  }

  send(packet: Parameters<RigClient["send"]>[0]): void {
    this.#current?.send(packet);
  }

  /** Reads one packet; false when there is none. */
  read(): boolean {
    const client = this.#current;
    const packet = client?.inbox.shift();
    if (client === null || packet === undefined) {
      if (client?.isEnded) this.lose(false);
      return false;
    }
    if (packet.cmd === "connack") this.#accepted(packet.reasonCode ?? 0, packet.sessionPresent);
    else if (packet.cmd === "disconnect") this.lose(true);
    else this.received(packet);
    return true;
  }

  protected received(_packet: RigClient["inbox"][number]): void {
    // For those who expect something.
  }

  protected resumed(): void {
    // For those who have something to repeat.
  }

  #accepted(reasonCode: number, isSessionPresent: boolean): void {
    if (reasonCode !== 0) {
      this.lose(true);
      return;
    }
    if (this.#wasConnected && !isSessionPresent) this.lostSessions++;
    this.#wasConnected = true;
    this.isReady = true;
    this.resumed();
  }
}

export class DurableSubscriber extends DurableClient {
  /** Payloads in the order in which the application got them. */
  readonly delivered: string[] = [];
  readonly #received = new Set<number>();
  isSubscribed = false;
  #isAsking = false;

  subscribe(topic: string): void {
    if (!this.isReady || this.isSubscribed || this.#isAsking) return;
    this.#isAsking = true;
    const subscription = { topic, qos: 2 as const, nl: false, rap: false, rh: 0 as const };
    this.send({ cmd: "subscribe", messageId: 1, subscriptions: [subscription] } as never);
  }

  protected override resumed(): void {
    this.#isAsking = false;
  }

  protected override received(packet: RigClient["inbox"][number]): void {
    const messageId = packet.messageId ?? 0;
    if (packet.cmd === "suback") this.isSubscribed = true;
    else if (packet.cmd === "pubrel") {
      this.#received.delete(messageId);
      this.send({ cmd: "pubcomp", messageId });
    } else if (packet.cmd === "publish" && packet.qos === 1) {
      this.delivered.push(packet.payload.toString());
      this.send({ cmd: "puback", messageId });
    } else if (packet.cmd === "publish" && packet.qos === 2) {
      if (!this.#received.has(messageId)) this.delivered.push(packet.payload.toString());
      this.#received.add(messageId);
      this.send({ cmd: "pubrec", messageId });
    }
  }
}

export interface Sent {
  readonly topic: string;
  readonly payload: string;
  readonly qos: 1 | 2;
  readonly messageId: number;
  /** Subscribers that had their SUBACK before it was sent first. */
  readonly owedTo: readonly DurableSubscriber[];
  state: "open" | "released" | "acknowledged" | "refused";
}

export class DurablePublisher extends DurableClient {
  readonly sent: Sent[] = [];
  #open: Sent[] = [];
  #lastId = 0;

  get openCount(): number {
    return this.#open.length;
  }

  publish(topic: string, qos: 1 | 2, owedTo: readonly DurableSubscriber[]): void {
    if (!this.isReady || this.#open.length >= 5) return;
    this.#lastId = (this.#lastId % 20) + 1;
    if (this.#open.some(({ messageId }) => messageId === this.#lastId)) return;
    const payload = `${this.clientId} ${topic} ${this.sent.length} ${qos}`;
    const { messageId } = { messageId: this.#lastId };
    const message: Sent = { topic, payload, qos, messageId, owedTo, state: "open" };
    this.sent.push(message);
    this.#open.push(message);
    this.#send(message, false);
  }

  protected override resumed(): void {
    for (const message of this.#open) {
      if (message.state === "open") this.#send(message, true);
      else this.send({ cmd: "pubrel", messageId: message.messageId });
    }
  }

  protected override received(packet: RigClient["inbox"][number]): void {
    const { messageId } = packet;
    const message = this.#open.find((open) => open.messageId === messageId);
    if (message === undefined) return;
    const isRefused = "reasonCode" in packet && (packet.reasonCode ?? 0) >= 0x80;
    if (packet.cmd === "pubrec" && !isRefused) {
      expect(message.qos).toBe(2);
      message.state = "released";
      this.send({ cmd: "pubrel", messageId: message.messageId });
    } else if (packet.cmd === "puback" || packet.cmd === "pubcomp" || packet.cmd === "pubrec") {
      message.state = packet.cmd !== "pubcomp" && isRefused ? "refused" : "acknowledged";
      this.#open = this.#open.filter((open) => open !== message);
    }
  }

  #send({ topic, payload, qos, messageId }: Sent, dup: boolean): void {
    this.send({ cmd: "publish", topic, payload, qos, retain: false, dup, messageId } as never);
  }
}
