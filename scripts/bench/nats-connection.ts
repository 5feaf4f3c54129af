import { once } from "node:events";
import { connect, type Socket } from "node:net";

const requestTimeoutMs = 5000;
const lineEnd = Buffer.from("\r\n");

/** As much of the NATS client protocol as one request at a time needs. */
export class NatsConnection {
  readonly #socket: Socket;
  readonly #inbox = `_INBOX.${Math.random().toString(36).slice(2)}`;
  #buffered: Buffer = Buffer.alloc(0);
  #waiter: { resolve(answer: string): void; reject(error: Error): void } | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (bytes: Buffer) => this.#read(bytes));
    socket.on("error", () => undefined);
    socket.on("close", () => this.#settle(new Error("the connection ended")));
    socket.write(`CONNECT {"verbose":false,"pedantic":false}\r\nSUB ${this.#inbox} 1\r\n`);
  }

  static async open(port: number): Promise<NatsConnection> {
    const socket = connect({ host: "127.0.0.1", port });
    await once(socket, "connect");
    return new NatsConnection(socket);
  }

  /** Publishes with a reply subject; resolves with the text of the answer. One at a time. */
  async request(subject: string, payload: Buffer): Promise<string> {
    const answer = new Promise<string>((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
    const timer = setTimeout(() => this.#settle(new Error("no answer in time")), requestTimeoutMs);
    const head = `PUB ${subject} ${this.#inbox} ${payload.length}\r\n`;
    this.#socket.write(Buffer.concat([Buffer.from(head), payload, lineEnd]));
    return answer.finally(() => clearTimeout(timer));
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? bytes : Buffer.concat([this.#buffered, bytes]);
    for (;;) {
      const end = this.#buffered.indexOf(lineEnd);
      if (end === -1) return;
      const words = this.#buffered.toString("latin1", 0, end).split(" ");
      let next = end + lineEnd.length;
      if (words[0] === "MSG" || words[0] === "HMSG") {
        const sizeBytes = Number(words.at(-1));
        next += sizeBytes + lineEnd.length;
        if (this.#buffered.length < next) return;
        this.#settle(this.#buffered.toString("utf8", end + lineEnd.length, next));
      } else if (words[0] === "PING") {
        this.#socket.write("PONG\r\n");
      } else if (words[0] === "-ERR") {
        this.#settle(new Error(words.join(" ")));
      }
      this.#buffered = this.#buffered.subarray(next);
    }
  }

  #settle(outcome: string | Error): void {
    const waiter = this.#waiter;
    this.#waiter = null;
    if (typeof outcome === "string") waiter?.resolve(outcome);
    else waiter?.reject(outcome);
  }
}
