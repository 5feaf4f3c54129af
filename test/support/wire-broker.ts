import { connect as connectSocket, type Socket } from "node:net";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import WebSocket, { createWebSocketStream } from "ws";
import { systemClock } from "../../cluster/drivers/system-clock.ts";
import { type Broker, type BrokerOptions, createBroker } from "../../src/broker/broker.ts";
import { compilePatterns } from "../../src/broker/device-patterns.ts";
import { type BrokerLimits, defaultBrokerLimits } from "../../src/broker/limits.ts";
import type { Listener } from "../../src/listeners/listener.ts";
import { listenTcp } from "../../src/listeners/tcp.ts";
import { listenWebSocket } from "../../src/listeners/websocket.ts";
import { Replica } from "../../src/replica/replica.ts";
import { RecordingLog } from "./broker-rig.ts";
import { type FakeCluster, FakeFlock } from "./fake-cluster.ts";

// MQTT.js reads this off the class, where the ES module form of ws, which the test runner resolves, does not have it.
Object.assign(WebSocket, { createWebSocketStream });

/** A broker on real sockets, with a log that only pretends to be replicated. */
export class WireBroker {
  readonly log = new RecordingLog();
  readonly replica = new Replica();
  readonly cluster: FakeCluster;
  readonly broker: Broker;
  #tcp: Listener | null = null;
  #webSocket: Listener | null = null;
  readonly #clients: MqttClient[] = [];
  readonly #sockets: Socket[] = [];

  constructor(
    limits: Partial<BrokerLimits> = {},
    access: Pick<BrokerOptions, "authenticator" | "authorizer"> = {},
  ) {
    const flock = new FakeFlock(systemClock);
    this.cluster = flock.addNode(this.replica);
    this.broker = createBroker({
      cluster: this.cluster,
      replica: this.replica,
      clock: systemClock,
      log: this.log,
      patterns: compilePatterns(["sensors/{device}/{attribute}"]),
      version: "0.0.0",
      ...access,
      limits: { ...defaultBrokerLimits, tickMs: 20, ...limits },
    });
  }

  async start(): Promise<void> {
    this.broker.start();
    const options = { host: "127.0.0.1", port: 0, isPortFixed: true };
    this.#tcp = await listenTcp({ ...options, optionName: "--mqtt" }, this.broker, this.log);
    this.#webSocket = await listenWebSocket(
      { ...options, optionName: "--ws" },
      this.broker,
      this.log,
    );
  }

  get port(): number {
    return this.#tcp?.port ?? 0;
  }

  get webSocketPort(): number {
    return this.#webSocket?.port ?? 0;
  }

  /** A connected MQTT.js client that does not come back by itself. `inbox` hears even what comes with the CONNACK. */
  async client(
    options: IClientOptions = {},
    url = `mqtt://127.0.0.1:${this.port}`,
    inbox?: Inbox,
  ): Promise<MqttClient> {
    const client = mqtt.connect(url, { reconnectPeriod: 0, protocolVersion: 5, ...options });
    this.#clients.push(client);
    inbox?.listenTo(client);
    await new Promise<void>((resolve, reject) => {
      client.once("connect", () => resolve());
      client.once("close", () => reject(new Error("closed before CONNACK")));
      // Later errors reach the test as a packet or an event.
      client.on("error", reject);
    });
    return client;
  }

  socket(port = this.port): Socket {
    return this.#kept(connectSocket({ host: "127.0.0.1", port }));
  }

  /** Does not close its half when the broker closes the other. */
  halfOpenSocket(port: number): Socket {
    return this.#kept(connectSocket({ host: "127.0.0.1", port, allowHalfOpen: true }));
  }

  #kept(socket: Socket): Socket {
    socket.on("error", () => {
      // A reset is one of the ways a test may end.
    });
    this.#sockets.push(socket);
    return socket;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.end(true);
    for (const socket of this.#sockets) socket.destroy();
    await this.#tcp?.stopAccepting();
    await this.#webSocket?.stopAccepting();
    await this.broker.stop(1000);
  }
}

export interface Received {
  readonly topic: string;
  readonly text: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly properties: Record<string, unknown>;
}

/** Collects what a client receives and waits for the next of it. */
export class Inbox {
  readonly all: Received[] = [];
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(client?: MqttClient) {
    if (client) this.listenTo(client);
  }

  listenTo(client: MqttClient): void {
    client.on("message", (topic, payload, packet) => {
      this.all.push({
        topic,
        text: payload.toString(),
        qos: packet.qos,
        retain: packet.retain,
        properties: (packet.properties ?? {}) as Record<string, unknown>,
      });
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** The next message; the test's own deadline ends a wait that is in vain. */
  async next(): Promise<Received> {
    while (this.all.length <= this.#taken) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return this.all[this.#taken++]!;
  }

  /** Everything not yet taken. */
  rest(): readonly Received[] {
    const rest = this.all.slice(this.#taken);
    this.#taken = this.all.length;
    return rest;
  }
}

/** Everything a socket gets until the other side ends it. */
export async function bytesUntilEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await new Promise<void>((resolve) => {
    socket.once("end", resolve);
    socket.once("close", () => resolve());
  });
  return Buffer.concat(chunks);
}
