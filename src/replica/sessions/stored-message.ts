import { type ApplicationMessage, expiresAtMs } from "../../mqtt/message.ts";
import { CompactMap } from "../../routing/compact-map.ts";
import type { Expiring } from "../expiry-queue.ts";
import type { OnceRecord } from "../records.ts";
import type { PassingRecord } from "./passing-memory.ts";
import type { QueuedMessage } from "./stored-session.ts";

/** A message that sessions wait for, held once however many they are. It goes when the last of them has it. */
export class StoredMessage implements Expiring, PassingRecord {
  /** Names the record, and decides between messages that end at the same time. */
  readonly id: string;
  readonly message: ApplicationMessage;
  readonly storedAtMs: number;
  /** By its own expiry interval; Infinity without one. */
  readonly messageEndsAtMs: number;
  /** When the first place may be too old, which its session decides, too. Belongs to `MessageStore`, as `queueIndex`. */
  expiresAtMs = Number.POSITIVE_INFINITY;
  /** As the bounds count it. */
  readonly sizeBytes: number;
  readonly record: OnceRecord;
  /** It has its record; false once the last of its places is free. */
  isKept = true;
  /** It can be found by its id. */
  isListed = false;
  /** The places in queues that refer to it; nearly always one. */
  readonly places = new CompactMap<QueuedMessage, true>();
  queueIndex = -1;
  passingPlace = -1;

  constructor(id: string, message: ApplicationMessage, storedAtMs: number, record: OnceRecord) {
    this.id = id;
    this.message = message;
    this.storedAtMs = storedAtMs;
    this.messageEndsAtMs = expiresAtMs(message);
    this.sizeBytes = storedSizeBytes(message);
    this.record = record;
  }

  get expiryKey(): string {
    return this.id;
  }

  /** In the message that there is, and not in another one: deliveries that are under way have it, too. It says the same afterwards. */
  takeOwnMemory(): void {
    const message: { payload: Buffer } = this.message;
    message.payload = copyOf(message.payload);
    const { properties } = this.message;
    if (properties?.correlationData === undefined) return;
    properties.correlationData = copyOf(properties.correlationData);
  }
}

/** Topic, payload and an allowance for what is around them. */
export function storedSizeBytes(message: ApplicationMessage): number {
  return message.topic.length + message.payload.length + overheadSizeBytes;
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

const overheadSizeBytes = 256;
