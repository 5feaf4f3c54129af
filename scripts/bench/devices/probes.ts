import { WebSocket } from "ws";

/** From the time in a message to the WebSocket batch that has it, of some devices; in milliseconds. */
export class ViewerProbe {
  latenciesMs: number[] = [];
  readonly #socket: WebSocket;

  constructor(port: number, intervalMs: number, devices: readonly string[]) {
    const query = `interval=${intervalMs}&devices=${devices.join(",")}`;
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/coordinates?${query}`);
    this.#socket.on("message", (data) => {
      const nowMs = Date.now();
      const batch = JSON.parse(String(data)) as { readonly timestamp: number }[];
      for (const { timestamp } of batch) this.latenciesMs.push(nowMs - timestamp);
    });
  }

  close(): void {
    this.#socket.terminate();
  }
}

interface Attribute {
  readonly value: { readonly timestamp: number; readonly seq: number };
}

/** By how much a linearizable read is behind the newest that was sent: the age of what it answers, and how long it took. */
export class ReadProbe {
  agesMs: number[] = [];
  readonly #url: string;
  #isStopped = false;
  #last = 0;

  constructor(port: number, device: string) {
    this.#url = `http://127.0.0.1:${port}/api/v1/devices/${device}/attributes/coordinates?consistency=linearizable`;
  }

  /** From the time in a message to the first answer that has it; answers come as fast as they do. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      const answer = await fetch(this.#url);
      if (answer.ok) {
        const { value } = (await answer.json()) as Attribute;
        if (value.seq > this.#last && this.#last > 0)
          this.agesMs.push(Date.now() - value.timestamp);
        this.#last = value.seq;
      } else await answer.arrayBuffer();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  stop(): void {
    this.#isStopped = true;
  }
}

/** Sequence number of every device, read through the log. */
export async function storedSequences(port: number): Promise<ReadonlyMap<string, number>> {
  const sequences = new Map<string, number>();
  let after: string | null = "";
  while (after !== null) {
    const url = `http://127.0.0.1:${port}/api/v1/devices?limit=1000&consistency=linearizable&after=${after}`;
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`the devices cannot be read: ${answer.status}`);
    const page = (await answer.json()) as {
      readonly devices: readonly {
        readonly id: string;
        readonly attributes: Record<string, Attribute>;
      }[];
      readonly next: string | null;
    };
    for (const { id, attributes } of page.devices) {
      sequences.set(id, attributes["coordinates"]?.value.seq ?? 0);
    }
    after = page.next;
  }
  return sequences;
}
