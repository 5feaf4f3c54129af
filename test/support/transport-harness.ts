import type { TransportLimits } from "../../cluster/limits.ts";
import type { NodeId } from "../../cluster/node-id.ts";
import type { Counters, Log } from "../../cluster/ports.ts";
import type {
  Channel,
  Hello,
  LinkEvent,
  Transport,
  TransportHandlers,
} from "../../cluster/transport/transport.ts";

export const testSecret = Buffer.from("a secret of more than sixteen bytes");

export interface NodeSettings {
  readonly secret?: Uint8Array;
  readonly limits?: Partial<TransportLimits>;
  readonly protocolMajor?: number;
  readonly name?: string;
  readonly clusterId?: string | null;
  readonly incarnation?: number;
  readonly handlers?: Partial<TransportHandlers>;
}

/** What a contract test needs of an implementation. */
export interface TransportHarness {
  start(settings?: NodeSettings): Promise<TestNode>;
  /** A node in a process of its own (or what passes for one) that can be killed. */
  startVictim(): Promise<{ address: string; nodeId: NodeId; kill(): void }>;
  /** Lets time pass until `promise` is settled. */
  settle<T>(promise: Promise<T>): Promise<T>;
  /** Lets time pass until `condition` holds; throws at the deadline. */
  until(condition: () => boolean, what: string): Promise<void>;
  /** Lets so much time pass that whatever is on its way has arrived. */
  quiesce(): Promise<void>;
  stop(): Promise<void>;
}

export interface ReceivedFrame {
  readonly from: NodeId;
  readonly channel: Channel;
  readonly frame: Buffer;
}

/** A transport with a memory of what happened to it. */
export class TestNode {
  readonly transport: Transport;
  readonly counters: Counters;
  readonly links: LinkEvent[] = [];
  readonly frames: ReceivedFrame[] = [];
  readonly broadcasts: { from: NodeId; payload: Buffer }[] = [];
  readonly discovered: string[] = [];
  clusterId: string | null;
  readonly #settings: NodeSettings;

  constructor(transport: Transport, counters: Counters, settings: NodeSettings) {
    this.transport = transport;
    this.counters = counters;
    this.clusterId = settings.clusterId ?? null;
    this.#settings = settings;
  }

  get id(): NodeId {
    return this.transport.nodeId;
  }

  get address(): string {
    const [first] = this.transport.addresses();
    if (first === undefined) throw new Error("the transport has no address");
    return first;
  }

  start(): Promise<void> {
    const handlers: TransportHandlers = {
      onFrame: (from, channel, frame) =>
        this.frames.push({ from, channel, frame: Buffer.from(frame) }),
      onLink: (event) => this.links.push(event),
      onRequest: async (_from, _kind, payload) => payload,
      onBulk: async (_from, _kind, _header, chunks) => {
        for await (const _chunk of chunks);
      },
      onBroadcast: (from, payload) => this.broadcasts.push({ from, payload: Buffer.from(payload) }),
      onDiscovered: (addresses) => this.discovered.push(...addresses),
      ...this.#settings.handlers,
    };
    return this.transport.start(handlers, () => this.#hello());
  }

  ups(): readonly NodeId[] {
    return this.links.filter((event) => event.type === "up").map((event) => event.nodeId);
  }

  downs(): readonly string[] {
    return this.links.flatMap((event) => (event.type === "down" ? [event.reason] : []));
  }

  #hello(): Omit<Hello, "nodeId" | "addresses"> {
    const { name = "n", incarnation = 1 } = this.#settings;
    return { name, clusterId: this.clusterId, incarnation, version: "0.1.0" };
  }
}

/** Keeps what was logged, so that a test can look at it. */
export class TestLog implements Log {
  readonly lines: { level: string; fields: object; message: string }[] = [];

  debug(fields: object, message: string): void {
    this.lines.push({ level: "debug", fields, message });
  }

  info(fields: object, message: string): void {
    this.lines.push({ level: "info", fields, message });
  }

  warn(fields: object, message: string): void {
    this.lines.push({ level: "warn", fields, message });
  }

  error(fields: object, message: string): void {
    this.lines.push({ level: "error", fields, message });
  }
}
