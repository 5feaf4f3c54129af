/**
 * One piece of news. However many viewers get it, and by whatever way, it is encoded once: what waits in the sockets of a
 * thousand viewers is one buffer.
 */
export class LivePacket {
  readonly type: string;
  readonly #json: string;
  /** With it a viewer goes on from here, on any node; null in between. */
  readonly #resume: string | null;
  #webSocketText: Buffer | null = null;
  #eventText: Buffer | null = null;

  constructor(type: string, json: string, resume: string | null = null) {
    this.type = type;
    this.#json = json;
    this.#resume = resume;
  }

  static of(fields: { readonly type: string; readonly [field: string]: unknown }): LivePacket {
    return new LivePacket(fields.type, JSON.stringify(fields));
  }

  /** Roughly: characters. */
  get sizeBytes(): number {
    return this.#json.length;
  }

  get webSocketText(): Buffer {
    this.#webSocketText ??= Buffer.from(this.#json);
    return this.#webSocketText;
  }

  /** As a server-sent event. JSON has no line breaks, so that it is one line of data. */
  get eventText(): Buffer {
    if (this.#eventText === null) {
      const id = this.#resume === null ? "" : `id: ${this.#resume}\n`;
      this.#eventText = Buffer.from(`event: ${this.type}\n${id}data: ${this.#json}\n\n`);
    }
    return this.#eventText;
  }
}
