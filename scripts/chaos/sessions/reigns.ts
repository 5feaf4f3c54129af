/** Of one client identifier, in the order of the log. */
interface Reign {
  /** The connection that wrote last. */
  current: number;
  /** The highest number of each connection that has written. */
  readonly numbers: Map<number, number>;
}

/** Finds connections of one client identifier that wrote although another had begun to. */
export class Reigns {
  readonly problems: string[] = [];
  readonly #byTopic = new Map<string, Reign>();
  #writes = 0;

  get writes(): number {
    return this.#writes;
  }

  /** Connection `serial` wrote its message `number` behind all that came before. */
  written(topic: string, serial: number, number: number): void {
    const reign = this.#byTopic.get(topic) ?? { current: serial, numbers: new Map() };
    this.#byTopic.set(topic, reign);
    const highest = reign.numbers.get(serial);
    // A QoS 1 message that comes again says nothing.
    if (highest !== undefined && number <= highest) return;
    this.#writes++;
    reign.numbers.set(serial, number);
    if (reign.current === serial) return;
    if (highest !== undefined) {
      const other = reign.current;
      this.problems.push(`${topic}: connection ${serial} wrote again behind connection ${other}`);
    }
    reign.current = serial;
  }
}
