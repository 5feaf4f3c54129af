import type { Entry, EntryType, HardState } from "../../cluster/raft/types.ts";
import type { LogFileName } from "../../cluster/storage/log/files.ts";
import type { DurableImage } from "./durable-image.ts";
import type { Seeded } from "./seeded.ts";

/** Something that is written to a log file: a new one, or the newest. */
export interface LogWrite {
  readonly name: LogFileName;
  readonly isNew: boolean;
  readonly content: Buffer;
}

export interface ImageFile {
  readonly name: LogFileName;
  bytes: Buffer;
  /** How much of it was confirmed. */
  durableSizeBytes: number;
}

/** Where a frame stands, and what its header and parts say; read here once more, since the product's own reading is under test. */
interface Frame {
  readonly at: number;
  readonly end: number;
  readonly sequence: number;
  readonly parts: readonly { readonly kind: number; readonly content: Buffer }[];
}

const headerSizeBytes = 20;
const returnChance = 0.3;
const tornChance = 0.7;
const hardStateKind = 2;
const entryKind = 3;
const startKind = 1;

/** The files of a log on a simulated disk. They outlive the processes that write to them. */
export class LogFilesImage {
  readonly #durable: DurableImage;
  readonly #random: Seeded;
  files: ImageFile[] = [];
  /** Nothing was synced since: a power cut may bring them back. */
  #removed: ImageFile[] = [];
  /** Of the last batch that was confirmed. */
  sequence = 0;
  /** Of the newest file, and of the state. */
  #generation = 1;
  #stateGeneration = 1;

  constructor(durable: DurableImage, random: Seeded) {
    this.#durable = durable;
    this.#random = random;
  }

  /** A snapshot came to the disk: what is written to the log before it begins anew counts no more, but for the hard state. */
  installed(generation: number): void {
    this.#stateGeneration = generation;
  }

  newSalt(): number {
    return Math.floor(this.#random.next() * 2 ** 32);
  }

  file({ number }: LogFileName): ImageFile | undefined {
    return this.files.find(({ name }) => name.number === number);
  }

  /** All of it becomes durable, and with it what was removed before. */
  write({ name, isNew, content }: LogWrite): void {
    this.#removed = [];
    const file = isNew ? this.#make(name) : this.file(name);
    if (file === undefined) throw new Error(`there is no file ${name.number}`);
    file.bytes = Buffer.concat([file.bytes, content]);
    file.durableSizeBytes = file.bytes.length;
    for (const frame of framesOf(content)) this.#confirm(frame);
  }

  remove(name: LogFileName): void {
    const file = this.file(name);
    if (file === undefined) return;
    this.files = this.files.filter((each) => each !== file);
    this.#removed.push(file);
  }

  /** What was removed does not come back. */
  syncNames(): void {
    this.#removed = [];
  }

  cut(name: LogFileName, sizeBytes: number): void {
    const file = this.file(name);
    if (file === undefined) return;
    file.bytes = file.bytes.subarray(0, sizeBytes);
    file.durableSizeBytes = Math.min(file.durableSizeBytes, sizeBytes);
  }

  /** The power fails. Of what is on its way nothing is there, a part from its start, or all but a sector that was never written. */
  powerCut(writing: LogWrite | undefined): void {
    const random = this.#random;
    if (writing !== undefined && random.chance(tornChance)) {
      const { name, isNew, content } = writing;
      const file = isNew ? this.#make(name) : this.file(name);
      const torn = random.chance(0.5)
        ? content.subarray(0, Math.floor(random.next() * content.length))
        : unwritten(content, file?.bytes.length ?? 0, random);
      if (file !== undefined) file.bytes = Buffer.concat([file.bytes, torn]);
    }
    for (const file of this.#removed) if (random.chance(returnChance)) this.files.push(file);
    this.#removed = [];
    this.files.sort((one, other) => one.name.number - other.name.number);
  }

  /** The disk had lied: of what it confirmed, the newest batches are gone. Answers how many. */
  loseTail(batches: number): number {
    let lost = 0;
    while (lost < batches) {
      const file = this.files.at(-1);
      if (file === undefined) return lost;
      const frames = framesOf(file.bytes.subarray(0, file.durableSizeBytes));
      const last = frames.at(-1);
      if (last === undefined || last.at === 0) {
        // A process begins a file with nothing in it but where it begins.
        this.files.pop();
        continue;
      }
      this.cut(file.name, last.at);
      lost++;
    }
    return lost;
  }

  /** As it can be read from the files now. */
  get lastSequence(): number {
    const file = this.files.at(-1);
    return (file && framesOf(file.bytes.subarray(0, file.durableSizeBytes)).at(-1)?.sequence) ?? 0;
  }

  /** Those that the log behind `index` stands in, of this generation. */
  needed(index: number, generation: number): readonly ImageFile[] {
    const first = this.files.findLastIndex(({ bytes }) => {
      const start = startOf(bytes);
      return start !== null && start.generation === generation && start.index <= index;
    });
    return first < 0 ? [] : this.files.slice(first);
  }

  #make(name: LogFileName): ImageFile {
    const file = { name, bytes: Buffer.alloc(0), durableSizeBytes: 0 };
    this.files.push(file);
    return file;
  }

  #confirm({ sequence, parts }: Frame): void {
    this.sequence = sequence;
    let entries: Entry[] = [];
    let hardState: HardState | undefined;
    for (const { kind, content } of parts) {
      if (kind === startKind) this.#generation = JSON.parse(content.toString()).generation;
      if (kind === hardStateKind) hardState = JSON.parse(content.toString()) as HardState;
      if (kind !== entryKind || this.#generation < this.#stateGeneration) continue;
      const entry = entryOf(content);
      const next = (entries.at(-1)?.index ?? entry.index - 1) + 1;
      if (entry.index !== next) {
        this.#durable.change({ entries });
        entries = [];
      }
      entries.push(entry);
    }
    this.#durable.change({ entries, ...(hardState && { hardState }) });
  }
}

export function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  let at = 0;
  while (at + headerSizeBytes <= bytes.length) {
    const end = at + headerSizeBytes + bytes.readUInt32BE(at + 8);
    if (end > bytes.length) break;
    const parts: { kind: number; content: Buffer }[] = [];
    for (let part = at + headerSizeBytes; part < end; ) {
      const contentEnd = part + 5 + bytes.readUInt32BE(part + 1);
      parts.push({ kind: bytes[part] as number, content: bytes.subarray(part + 5, contentEnd) });
      part = contentEnd;
    }
    frames.push({ at, end, sequence: bytes.readUIntBE(at + 12, 6), parts });
    at = end;
  }
  return frames;
}

function startOf(bytes: Buffer): { readonly index: number; readonly generation: number } | null {
  const part = framesOf(bytes)[0]?.parts[0];
  return part?.kind === startKind ? JSON.parse(part.content.toString()) : null;
}

/** As laid out in cluster/storage/log/record.ts. */
function entryOf(stored: Buffer): Entry {
  return {
    type: stored[5] as EntryType,
    term: stored.readUIntBE(14, 6),
    index: stored.readUIntBE(22, 6),
    data: stored.subarray(44),
  };
}

/** What it would be behind `before` bytes with a sector of zeros in it. */
function unwritten(content: Buffer, before: number, random: Seeded): Buffer {
  const copy = Buffer.from(content);
  const at = Math.floor(random.next() * copy.length);
  const place = before + at;
  const sector = place - (place % 512);
  const from = Math.max(0, sector - before);
  const to = Math.min(copy.length, sector + 512 - before);
  // Fewer zeros may well be content: then the file ends there.
  return to - from >= 16 ? copy.fill(0, from, to) : copy.subarray(0, from);
}
