import { once } from "node:events";
import { WebSocket } from "ws";

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The debugging protocol of a Node.js process that was started with `--inspect`. */
export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (text) => this.#answered(JSON.parse(String(text)) as Answer));
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the inspector is gone"));
    });
  }

  /** What Node.js says on stderr when it begins to listen. */
  static addressIn(log: readonly string[]): string {
    for (const line of log) {
      const address = /ws:\/\/\S+/.exec(line)?.[0];
      if (address !== undefined) return address;
    }
    throw new Error("the process does not say where its inspector listens");
  }

  static async open(address: string): Promise<Inspector> {
    const socket = new WebSocket(address, { perMessageDeflate: false });
    await once(socket, "open");
    return new Inspector(socket);
  }

  call(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  /** The value of an expression, which must be one that JSON can hold. */
  async evaluate<Value>(expression: string): Promise<Value> {
    const params = { expression: `(${expression})`, returnByValue: true };
    const answer = (await this.call("Runtime.evaluate", params)) as {
      readonly result: { readonly value: Value };
      readonly exceptionDetails?: { readonly text: string };
    };
    if (answer.exceptionDetails !== undefined) throw new Error(answer.exceptionDetails.text);
    return answer.result.value;
  }

  close(): void {
    this.#socket.close();
  }

  #answered({ id, result, error }: Answer): void {
    const waiting = this.#waiting.get(id ?? 0);
    if (waiting === undefined) return;
    this.#waiting.delete(id ?? 0);
    if (error === undefined) waiting.resolve(result);
    else waiting.reject(new Error(error.message));
  }
}
