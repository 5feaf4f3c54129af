import type { LogFileName, LogFiles } from "../../cluster/storage/log/files.ts";
import type { LogFilesImage, LogWrite } from "./log-files-image.ts";

interface InFlight extends LogWrite {
  readonly failed: (error: Error) => void;
}

const forever = new Promise<never>(() => undefined);

/** One process's hold on simulated log files. */
export class SimLogFiles implements LogFiles {
  readonly #image: LogFilesImage;
  readonly #schedule: (run: () => void) => void;
  #newest: LogFileName | null = null;
  #inFlight: InFlight | null = null;
  #isDead = false;

  constructor(image: LogFilesImage, schedule: (run: () => void) => void) {
    this.#image = image;
    this.#schedule = schedule;
  }

  async list(): Promise<LogFileName[]> {
    if (this.#isDead) return forever;
    const names = this.#image.files.map(({ name }) => name);
    const numbers = new Set(names.map(({ number }) => number));
    if (numbers.size < names.length) throw new Error("two log files have the same number");
    return names;
  }

  async read(name: LogFileName): Promise<Buffer> {
    if (this.#isDead) return forever;
    const file = this.#image.file(name);
    if (file === undefined) throw new Error(`there is no file ${name.number}`);
    return Buffer.from(file.bytes);
  }

  create(name: LogFileName, content: Buffer): Promise<void> {
    this.#newest = name;
    this.#image.syncNames();
    return this.#write({ name, isNew: true, content });
  }

  append(content: Buffer): Promise<void> {
    const name = this.#newest;
    if (name === null) throw new Error("no file was made");
    return this.#write({ name, isNew: false, content });
  }

  async cut(name: LogFileName, sizeBytes: number): Promise<void> {
    if (this.#isDead) return forever;
    this.#image.cut(name, sizeBytes);
  }

  async remove(name: LogFileName): Promise<void> {
    if (this.#isDead) return forever;
    this.#image.remove(name);
  }

  newSalt(): number {
    return this.#image.newSalt();
  }

  async close(): Promise<void> {}

  /** What is on its way is kept without anybody learning of it, or lost, or torn. */
  crash(inFlight: "lost" | "kept"): void {
    this.#isDead = true;
    const writing = this.#inFlight ?? undefined;
    this.#inFlight = null;
    if (inFlight === "kept" && writing !== undefined) this.#image.write(writing);
    this.#image.powerCut(inFlight === "lost" ? writing : undefined);
  }

  fail(error: Error): void {
    this.#isDead = true;
    const failing = this.#inFlight;
    this.#inFlight = null;
    failing?.failed(error);
  }

  #write(write: LogWrite): Promise<void> {
    if (this.#isDead) return forever;
    return new Promise((resolve, failed) => {
      const one: InFlight = { ...write, failed };
      this.#inFlight = one;
      this.#schedule(() => {
        if (this.#inFlight !== one) return;
        this.#inFlight = null;
        this.#image.write(write);
        resolve();
      });
    });
  }
}
