import { type LogFileName, type LogFiles, logFileName } from "../../cluster/storage/log/files.ts";

/** Log files in memory. What is done to them is noted in `steps`. */
export class MemoryLogFiles implements LogFiles {
  readonly content = new Map<number, { readonly name: LogFileName; bytes: Buffer }>();
  readonly steps: string[] = [];
  #newest = 0;
  #salt = 1;

  async list(): Promise<LogFileName[]> {
    return [...this.content.values()].map(({ name }) => name).sort((a, b) => a.number - b.number);
  }

  async read(name: LogFileName): Promise<Buffer> {
    return Buffer.from(this.#at(name).bytes);
  }

  async create(name: LogFileName, content: Buffer): Promise<void> {
    this.steps.push(`create ${name.number}`);
    this.content.set(name.number, { name, bytes: content });
    this.#newest = name.number;
  }

  async append(content: Buffer): Promise<void> {
    this.steps.push(`append ${this.#newest}`);
    const file = this.content.get(this.#newest)!;
    file.bytes = Buffer.concat([file.bytes, content]);
  }

  async cut(name: LogFileName, sizeBytes: number): Promise<void> {
    this.steps.push(`cut ${name.number}`);
    this.#at(name).bytes = this.#at(name).bytes.subarray(0, sizeBytes);
  }

  async remove(name: LogFileName): Promise<void> {
    this.steps.push(`remove ${name.number}`);
    this.content.delete(name.number);
  }

  newSalt(): number {
    return this.#salt++;
  }

  async close(): Promise<void> {}

  #at(name: LogFileName) {
    const file = this.content.get(name.number);
    if (file === undefined) {
      throw Object.assign(new Error(`there is no ${logFileName(name)}`), { code: "ENOENT" });
    }
    return file;
  }
}
