import { TestClient } from "./client.ts";
import type { ConnectFields, FilterRequest, PublishFields } from "./wire/client-packets.ts";
import * as packets from "./wire/client-packets.ts";
import { WireFault } from "./wire/fault.ts";
import { type Properties, propertyOf } from "./wire/properties.ts";
import type { Publish, Version } from "./wire/server-packets.ts";

/** One node of the broker under test. */
export interface Node {
  readonly host: string;
  readonly mqtt: number;
  /** Port of MQTT over WebSocket. */
  readonly ws: number;
}

export interface ConnectOptions extends ConnectFields {
  /** Index of the node, taken modulo their number; the next one in turn when left out. */
  readonly node?: number;
}

export interface SubscribeOptions {
  /** QoS, plus 4 no local, 8 retain as published, 16 and 32 retain handling. Default 2. */
  readonly options?: number;
  readonly properties?: Properties;
}

/**
 * The world of one test: names of its own, and clients whose connections go to one node after the other, so that with
 * several nodes publisher and subscriber meet across the cluster, and a client that comes back comes to another node.
 */
export class Bench {
  readonly version: Version;
  readonly nodes: readonly Node[];
  readonly #tag: string;
  readonly #clients: TestClient[] = [];
  #turn = 0;
  #packetId = 0;

  constructor(version: Version, nodes: readonly Node[], tag: string) {
    this.version = version;
    this.nodes = nodes;
    this.#tag = tag;
  }

  get isMqtt5(): boolean {
    return this.version === 5;
  }

  topic(name: string): string {
    return `${this.#tag}/${name}`;
  }

  clientId(name: string): string {
    return `${this.#tag}-${name}`;
  }

  /** The next packet identifier; a long test comes round to the first again. */
  packetId(): number {
    this.#packetId = (this.#packetId % 65_535) + 1;
    return this.#packetId;
  }

  /** A session that outlives its connection: for both versions, what CONNECT says besides Clean Start. */
  lasting(seconds = 300): { clean: false; properties?: Properties } {
    if (!this.isMqtt5) return { clean: false };
    return { clean: false, properties: [["sessionExpiryInterval", seconds]] };
  }

  /** A connection on which nothing was said yet. */
  async open(name = "raw", node = this.#nextNode(), version = this.version): Promise<TestClient> {
    const { host, mqtt } = this.#nodeAt(node);
    const client = await TestClient.open(host, mqtt, version, this.clientId(name));
    this.#clients.push(client);
    return client;
  }

  /** CONNECT as `name`, answered with success. */
  async connect(name: string, { node, ...fields }: ConnectOptions = {}): Promise<TestClient> {
    const client = await this.open(name, node);
    const maximum = propertyOf(fields.properties ?? [], "maximumPacketSize");
    if (typeof maximum === "number") client.maximumPacketSizeBytes = maximum;
    client.send(packets.connect(this.version, { clientId: client.clientId, ...fields }));
    const { code } = await client.expect("connack");
    if (code !== 0) throw new WireFault(`CONNECT of ${name} answered with ${code}`);
    return client;
  }

  /** CONNECT, then SUBSCRIBE to one filter. */
  async subscriber(
    name: string,
    filter: string,
    { options, properties, ...connect }: Omit<ConnectOptions, "properties"> & SubscribeOptions = {},
  ): Promise<TestClient> {
    const client = await this.connect(name, connect);
    await this.subscribe(client, [[filter, options ?? 2]], properties);
    return client;
  }

  /** SUBSCRIBE; answers the codes of the SUBACK, which must be the next packet. */
  async subscribe(
    client: TestClient,
    filters: readonly FilterRequest[],
    properties: Properties = [],
  ): Promise<readonly number[]> {
    const packetId = this.packetId();
    client.send(packets.subscribe(this.version, packetId, filters, properties));
    const suback = await client.expect("suback");
    if (suback.packetId !== packetId) throw new WireFault("SUBACK with another identifier");
    return suback.codes;
  }

  async unsubscribe(client: TestClient, filters: readonly string[]): Promise<readonly number[]> {
    const packetId = this.packetId();
    client.send(packets.unsubscribe(this.version, packetId, filters));
    const unsuback = await client.expect("unsuback");
    if (unsuback.packetId !== packetId) throw new WireFault("UNSUBACK with another identifier");
    return unsuback.codes;
  }

  /** PUBLISH with its whole exchange; answers the reason code of PUBACK or PUBREC. */
  async publish(client: TestClient, fields: PublishFields): Promise<number> {
    const packetId = fields.packetId ?? this.packetId();
    client.send(packets.publish(this.version, { ...fields, packetId }));
    if (fields.qos === 1) return (await client.expect("puback")).code;
    if (fields.qos !== 2) return 0;
    const { code } = await client.expect("pubrec");
    if (code >= 0x80) return code;
    client.send(packets.ack(6, packetId));
    await client.expect("pubcomp");
    return code;
  }

  /** Takes one message with its whole exchange. */
  async receive(client: TestClient, payload: string): Promise<Publish> {
    const message = await client.expectMessage(payload);
    if (message.qos === 1) client.send(packets.ack(4, message.packetId));
    if (message.qos === 2) {
      client.send(packets.ack(5, message.packetId));
      const { packetId } = await client.expect("pubrel");
      if (packetId !== message.packetId) throw new WireFault("PUBREL with another identifier");
      client.send(packets.ack(7, packetId));
    }
    return message;
  }

  /** DISCONNECT, and the server's end of the connection. */
  async disconnect(client: TestClient, code = 0, properties: Properties = []): Promise<void> {
    client.send(packets.disconnect(this.version, code, properties));
    await client.untilClosed();
  }

  /** For the statements about time: nothing is awaited but its passing. */
  elapse(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  /** The node that the next connection would go to. */
  nodeInTurn(): Node {
    return this.#nodeAt(this.#nextNode());
  }

  close(): void {
    for (const client of this.#clients) client.end();
  }

  #nextNode(): number {
    this.#turn += 1;
    return this.#turn - 1;
  }

  #nodeAt(index: number): Node {
    const node = this.nodes[index % this.nodes.length];
    if (node === undefined) throw new Error("no nodes");
    return node;
  }
}
