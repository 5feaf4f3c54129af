import { Connection } from "../load/connection.ts";

export interface FleetJob {
  readonly devices: number;
  /** Updates of one device in a second. */
  readonly rate: number;
  readonly ports: readonly number[];
}

const packetIdsMax = 65_535;
const connectingMax = 200;
const burstMax = 1000;

class Robot {
  readonly id: string;
  readonly #connection: Connection;
  readonly #header: Buffer;
  sequence = 0;
  acknowledged = 0;
  readonly #sentMs = new Map<number, number>();

  constructor(id: string, port: number, acknowledgedAfter: (ms: number) => void) {
    this.id = id;
    const topic = Buffer.from(`sensors/${id}/coordinates`);
    this.#header = Buffer.concat([Buffer.from([0, topic.length]), topic]);
    this.#connection = new Connection(
      { port },
      {
        publish: () => undefined,
        acknowledge: (_kind, packetId) => {
          const sentMs = this.#sentMs.get(packetId);
          if (sentMs === undefined) return;
          this.#sentMs.delete(packetId);
          this.acknowledged++;
          acknowledgedAfter(performance.now() - sentMs);
        },
        readEnded: () => undefined,
        failed: (error) => {
          throw error;
        },
      },
    );
  }

  get unacknowledged(): number {
    return this.#sentMs.size;
  }

  open(): Promise<void> {
    return this.#connection.open(this.id);
  }

  publish(): void {
    const packetId = (this.sequence++ % packetIdsMax) + 1;
    const x = (this.sequence % 1000) / 10;
    const timestamp = Date.now();
    const payload = `{"x":${x},"y":${100 - x},"timestamp":${timestamp},"seq":${this.sequence}}`;
    const length = this.#header.length + 2 + payload.length;
    const bytes = Buffer.allocUnsafe(3 + length);
    bytes[0] = 0x32;
    // Two bytes hold the length of every such packet.
    bytes[1] = (length & 0x7f) | 0x80;
    bytes[2] = length >> 7;
    this.#header.copy(bytes, 3);
    bytes.writeUInt16BE(packetId, 3 + this.#header.length);
    bytes.write(payload, 5 + this.#header.length, "latin1");
    this.#sentMs.set(packetId, performance.now());
    this.#connection.write(bytes);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

/** Robots with a connection each, which publish where they are at a steady rate at QoS 1, however long an answer takes. */
export class Fleet {
  readonly robots: readonly Robot[];
  readonly #job: FleetJob;
  /** From PUBLISH to PUBACK, since the last `reset`. */
  latenciesMs: number[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(job: FleetJob) {
    this.#job = job;
    this.robots = Array.from(
      { length: job.devices },
      (_, at) =>
        new Robot(`d${at}`, job.ports[at % job.ports.length]!, (ms) => this.latenciesMs.push(ms)),
    );
  }

  get sent(): number {
    return this.robots.reduce((total, { sequence }) => total + sequence, 0);
  }

  get acknowledged(): number {
    return this.robots.reduce((total, { acknowledged }) => total + acknowledged, 0);
  }

  get unacknowledged(): number {
    return this.robots.reduce((total, { unacknowledged }) => total + unacknowledged, 0);
  }

  async open(): Promise<void> {
    for (let at = 0; at < this.robots.length; at += connectingMax) {
      await Promise.all(this.robots.slice(at, at + connectingMax).map((robot) => robot.open()));
    }
  }

  start(): void {
    const { devices, rate } = this.#job;
    const startMs = performance.now();
    let sent = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startMs) / 1000) * devices * rate);
      // Bounded, so that answers are read in between also when the machine does not carry the rate.
      const until = Math.min(due, sent + burstMax);
      while (sent < until) this.robots[sent++ % devices]!.publish();
    }, 5);
  }

  reset(): void {
    this.latenciesMs = [];
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  async close(): Promise<void> {
    await Promise.all(this.robots.map((robot) => robot.close()));
  }
}
