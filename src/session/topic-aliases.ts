import { MqttError, protocolError } from "../mqtt/errors.ts";
import { ReasonCode } from "../mqtt/reason-code.ts";

/** Topic aliases that the client assigns. They live as long as the connection [MQTT-3.3.2-7]. */
export class InboundAliases {
  readonly #maximum: number;
  /** null until the client assigns one. */
  #topics: string[] | null = null;

  /** @param maximum as told to the client in CONNACK; 0 = no aliases */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /**
   * The topic of a PUBLISH that carries `alias`, which it assigns when it also carries a topic.
   * @throws MqttError 0x94 or 0x82
   */
  resolve(topic: string, alias: number): string {
    // [MQTT-3.3.2-9] and [MQTT-3.3.2-12]
    if (alias < 1 || alias > this.#maximum) {
      throw new MqttError(
        ReasonCode.topicAliasInvalid,
        `topic alias ${alias}, at most ${this.#maximum}`,
      );
    }
    if (topic.length > 0) {
      this.#topics ??= [];
      this.#topics[alias] = topic;
      return topic;
    }
    const known = this.#topics?.[alias];
    // Section 3.3.2.3.4
    if (known === undefined) throw protocolError(`topic alias ${alias} was never assigned`);
    return known;
  }
}

/** Of clients that may assign none: one for all of them. */
export const noInboundAliases = new InboundAliases(0);

/**
 * Topic aliases that we assign, first come first served until the client's maximum is used up: a
 * device's subscriber sees few topics, and an assignment that stays costs nothing per message.
 */
export class OutboundAliases {
  readonly #maximum: number;
  readonly #aliases = new Map<string, number>();

  /** @param maximum the lower of what the client allows and what we want [MQTT-3.3.2-11] */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** The alias that the client knows for `topic`, or 0. */
  known(topic: string): number {
    return this.#aliases.get(topic) ?? 0;
  }

  /** The next free alias, or 0 when there is none left. It is free until `assign`. */
  get next(): number {
    return this.#aliases.size < this.#maximum ? this.#aliases.size + 1 : 0;
  }

  /** A PUBLISH that carries `topic` and `next` is on its way to the client. */
  assign(topic: string): void {
    this.#aliases.set(topic, this.next);
  }
}
