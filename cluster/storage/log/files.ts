import type { HardState, LogIndex } from "../../raft/types.ts";
import type { TruncationRecord } from "../records.ts";

/** A log file: they are numbered in the order in which they were made; the salt is a random number of 32 bits. */
export interface LogFileName {
  readonly number: number;
  readonly salt: number;
}

/** Where log files are kept: a directory, or the disk of a simulation. Rejects with the system's error. */
export interface LogFiles {
  /** In the order of their numbers. Throws ClusterError `storage-corrupt` when two have the same. */
  list(): Promise<LogFileName[]>;
  read(name: LogFileName): Promise<Buffer>;
  /** Makes the file that is appended to from now on. Resolves when it is durable with `content`. */
  create(name: LogFileName, content: Buffer): Promise<void>;
  /** Resolves when `content` is durable behind what the newest file holds. */
  append(content: Buffer): Promise<void>;
  /** Leaves the first `sizeBytes` bytes; resolves when they are durable, whoever wrote them. */
  cut(name: LogFileName, sizeBytes: number): Promise<void>;
  remove(name: LogFileName): Promise<void>;
  newSalt(): number;
  close(): Promise<void>;
}

/** What the log is where a file begins; no earlier file is needed to go on from it. */
export interface LogStart {
  /** The generation of state that the log belongs to: each snapshot that is installed begins a new log. */
  readonly generation: number;
  /** The entry in front of the file, and the chain there, hex. */
  readonly index: LogIndex;
  readonly chain: string;
  readonly hardState: HardState;
  readonly truncation: TruncationRecord | null;
}

const numberDigits = 8;
const saltDigits = 8;

export function logFileName({ number, salt }: LogFileName): string {
  return `${String(number).padStart(numberDigits, "0")}-${salt.toString(16).padStart(saltDigits, "0")}.log`;
}

/** `null` for another file's name. */
export function parseLogFileName(name: string): LogFileName | null {
  const match = /^(\d{8,})-([0-9a-f]{8})\.log$/.exec(name);
  if (match === null) return null;
  return { number: Number(match[1]), salt: Number.parseInt(match[2]!, 16) };
}
