import mqtt, { type MqttClient } from "mqtt";
import { Robot } from "./robot.ts";

export interface FleetOptions {
  /** mqtt:// URLs; robots are spread over them and move on to the next when one does not answer. */
  readonly urls: readonly string[];
  readonly robots: number;
  /** Coordinates published by each robot per second. */
  readonly rateHz: number;
  readonly qos: 0 | 1;
  readonly prefix: string;
  readonly sizeM: number;
  readonly random: () => number;
}

export interface FleetFigures {
  connected: number;
  sent: number;
  acknowledged: number;
  commands: number;
  reconnects: number;
}

interface Member {
  readonly robot: Robot;
  readonly client: MqttClient;
}

const readingsEverySeconds = 1;
/** How long `stop` waits for what is still under way. */
const lastAcknowledgementsMs = 3000;

/** A fleet of robots, each with a real MQTT client of its own. */
export class Fleet {
  readonly figures: FleetFigures = {
    connected: 0,
    sent: 0,
    acknowledged: 0,
    commands: 0,
    reconnects: 0,
  };
  readonly #options: FleetOptions;
  readonly #members: Member[] = [];
  #timer: NodeJS.Timeout | null = null;
  #lastReadings = 0;
  #isWithReadings = false;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  start(): void {
    for (let i = 0; i < this.#options.robots; i++) this.#members.push(this.#connect(i));
    // Robots publish spread over the interval, as real ones do, not all in the same instant.
    const intervalMs = 1000 / this.#options.rateHz;
    const slices = Math.max(1, Math.min(20, Math.floor(intervalMs / 10)));
    let slice = 0;
    this.#timer = setInterval(() => {
      this.#publishSlice(slice % slices, slices, intervalMs / 1000);
      slice++;
    }, intervalMs / slices);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    const deadlineMs = performance.now() + lastAcknowledgementsMs;
    const isComplete = (): boolean =>
      this.#options.qos === 0 || this.figures.acknowledged === this.figures.sent;
    while (!isComplete() && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await Promise.all(this.#members.map(({ client }) => client.endAsync(true)));
  }

  #connect(index: number): Member {
    const { urls, prefix, sizeM, random } = this.#options;
    const robot = new Robot(`${prefix}${index + 1}`, sizeM, random);
    const servers = urls.map((_, i) => {
      const url = new URL(urls[(i + index) % urls.length] as string);
      return { host: url.hostname, port: Number(url.port || 1883), protocol: "mqtt" as const };
    });
    const client = mqtt.connect({
      servers,
      clientId: `fleet-${robot.id}`,
      protocolVersion: 5,
      reconnectPeriod: 500,
      connectTimeout: 4000,
      keepalive: 10,
      queueQoSZero: false,
    });
    let isFirst = true;
    client.on("connect", () => {
      this.figures.connected++;
      if (!isFirst) this.figures.reconnects++;
      isFirst = false;
      client.subscribe(`orin/${robot.id}/command`, { qos: 1 });
    });
    client.on("close", () => {
      this.figures.connected = this.#members.filter((member) => member.client.connected).length;
    });
    client.on("error", () => undefined);
    client.on("message", (_topic, payload) => {
      this.figures.commands++;
      robot.obey(payload.toString());
    });
    return { robot, client };
  }

  #publishSlice(slice: number, slices: number, seconds: number): void {
    const now = Date.now();
    // For a whole round: decided slice by slice, the first ones would come away empty again and again.
    if (slice === 0) {
      this.#isWithReadings = now - this.#lastReadings >= readingsEverySeconds * 1000;
      if (this.#isWithReadings) this.#lastReadings = now;
    }
    for (let i = slice; i < this.#members.length; i += slices) {
      const { robot, client } = this.#members[i] as Member;
      robot.move(seconds);
      if (!client.connected) continue;
      this.#publish(client, `sensors/${robot.id}/coordinates`, robot.coordinates(now));
      if (!this.#isWithReadings) continue;
      for (const [name, value] of Object.entries(robot.readings())) {
        this.#publish(client, `sensors/${robot.id}/${name}`, value);
      }
    }
  }

  #publish(client: MqttClient, topic: string, payload: string): void {
    this.figures.sent++;
    client.publish(topic, payload, { qos: this.#options.qos }, (error) => {
      if (!error) this.figures.acknowledged++;
    });
  }
}
