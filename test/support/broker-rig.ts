import { generate, type IConnectPacket, type Packet, type Parser, parser } from "mqtt-packet";
import type { Log } from "#cluster";
import { type Broker, type BrokerOptions, createBroker } from "../../src/broker/broker.ts";
import type { Channel, ChannelHandler } from "../../src/broker/channel.ts";
import { compilePatterns } from "../../src/broker/device-patterns.ts";
import { type BrokerLimits, defaultBrokerLimits } from "../../src/broker/limits.ts";
import { ReadMemory } from "../../src/listeners/read-memory.ts";
import { Replica } from "../../src/replica/replica.ts";
import { FakeClock } from "./fake-clock.ts";
import { type FakeCluster, FakeFlock } from "./fake-cluster.ts";

export interface RigNode {
  readonly broker: Broker;
  readonly cluster: FakeCluster;
  readonly replica: Replica;
}

/** Keeps what the broker found wrong with itself, so that a test can say that there was nothing. */
export class RecordingLog implements Log {
  readonly errors: { readonly fields: object; readonly message: string }[] = [];

  debug(): void {
    // Of no interest to a test.
  }

  info(): void {
    // Of no interest to a test.
  }

  warn(): void {
    // Of no interest to a test.
  }

  error(fields: object, message: string): void {
    this.errors.push({ fields, message });
  }
}

/** One or more brokers on one fake flock and one fake clock, and clients without sockets. */
export class BrokerRig {
  readonly clock = new FakeClock();
  readonly flock = new FakeFlock(this.clock);
  readonly log = new RecordingLog();
  readonly nodes: RigNode[] = [];

  addNode(
    limits: Partial<BrokerLimits> = {},
    options: Partial<Omit<BrokerOptions, "limits">> = {},
  ): RigNode {
    const replica = new Replica();
    const cluster = this.flock.addNode(replica);
    const broker = createBroker({
      cluster,
      replica,
      clock: this.clock,
      log: this.log,
      patterns: compilePatterns(["sensors/{device}/{attribute}"]),
      version: "0.0.0",
      sysIntervalMs: 0,
      ...options,
      limits: { ...defaultBrokerLimits, ...limits },
    });
    broker.start();
    const node = { broker, cluster, replica };
    this.nodes.push(node);
    return node;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      if (this.clock.nextDueMs() === 0) quiet = 0;
      this.clock.endTurns();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Lets time pass in small steps, with promises in between. */
  async pass(durationMs: number): Promise<void> {
    for (let left = durationMs; left > 0; left -= 50) {
      this.clock.advance(Math.min(50, left));
      await this.settle();
    }
  }

  /** A client that is not connected yet; null when the broker refuses the socket. */
  tryOpen(node: RigNode, version: 3 | 4 | 5 = 5): RigClient | null {
    const client = new RigClient(version);
    const handler = node.broker.accept(client);
    if (!handler) return null;
    client.handler = handler;
    return client;
  }

  open(node: RigNode, version: 3 | 4 | 5 = 5): RigClient {
    const client = this.tryOpen(node, version);
    if (!client) throw new Error("the broker refused the socket");
    return client;
  }

  /** Connects and takes the CONNACK. */
  async connect(
    node: RigNode,
    clientId: string,
    options: Partial<IConnectPacket> = {},
  ): Promise<RigClient> {
    const client = this.open(node, (options.protocolVersion as 3 | 4 | 5 | undefined) ?? 5);
    client.connect(clientId, options);
    await this.settle();
    return client;
  }
}

const readMemory = new ReadMemory();

/** The far end of a channel: speaks MQTT through the reference codec and keeps what it gets. */
export class RigClient implements Channel {
  readonly remoteAddress = "127.0.0.1";
  readonly isLoopback = true;
  readonly version: 3 | 4 | 5;
  handler: ChannelHandler | null = null;
  readonly inbox: Packet[] = [];
  isEnded = false;
  isDestroyed = false;
  isReadingPaused = false;
  /** What the socket claims to hold; a test raises it to play a client that does not read. */
  heldSizeBytes = 0;
  writes = 0;
  readonly #parser: Parser;

  constructor(version: 3 | 4 | 5) {
    this.version = version;
    this.#parser = parser({ protocolVersion: version });
    this.#parser.on("packet", (packet) => this.inbox.push(packet));
    this.#parser.on("error", (error) => {
      throw error;
    });
  }

  write(chunks: readonly Buffer[]): void {
    this.writes++;
    for (const chunk of chunks) this.#parser.parse(chunk);
  }

  bufferedSizeBytes(): number {
    return this.heldSizeBytes;
  }

  end(): void {
    this.isEnded = true;
  }

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.handler?.closed();
  }

  pauseReading(): void {
    this.isReadingPaused = true;
  }

  resumeReading(): void {
    this.isReadingPaused = false;
  }

  connect(clientId: string, options: Partial<IConnectPacket> = {}): void {
    this.send({
      cmd: "connect",
      protocolId: this.version === 3 ? "MQIsdp" : "MQTT",
      protocolVersion: this.version,
      clean: true,
      clientId,
      keepalive: 0,
      ...options,
    } as Packet);
  }

  send(packet: Packet): void {
    const bytes = Buffer.from(generate(packet, { protocolVersion: this.version }));
    if (this.handler !== null) readMemory.use(bytes, bytes.length, this.handler);
    // As the next socket does.
    bytes.fill(0xee);
  }

  publish(topic: string, payload: string, more: Record<string, unknown> = {}): void {
    this.send({
      cmd: "publish",
      topic,
      payload,
      qos: 0,
      retain: false,
      dup: false,
      ...more,
    } as Packet);
  }

  subscribe(topic: string, more: Record<string, unknown> = {}, messageId = 1): void {
    const subscription = { topic, qos: 0, nl: false, rap: false, rh: 0, ...more };
    this.send({ cmd: "subscribe", messageId, subscriptions: [subscription] } as Packet);
  }

  /** The socket breaks without a DISCONNECT. */
  drop(): void {
    this.destroy();
  }

  take<C extends Packet["cmd"]>(cmd: C): Extract<Packet, { cmd: C }>[] {
    const taken = this.inbox.filter((packet) => packet.cmd === cmd);
    for (const packet of taken) this.inbox.splice(this.inbox.indexOf(packet), 1);
    return taken as Extract<Packet, { cmd: C }>[];
  }

  /** `topic=payload` of every PUBLISH since the last call. */
  texts(): string[] {
    return this.take("publish").map(({ topic, payload }) => `${topic}=${payload.toString()}`);
  }
}
