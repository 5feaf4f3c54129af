import type { BriefMemory } from "../mqtt/brief-memory.ts";
import { BusyClient } from "./busy-clients.ts";
import type { Channel } from "./channel.ts";
import type { ConnectionShared } from "./connection-ports.ts";
import type { DeferredReader, RestingReader } from "./reading-turns.ts";

/** One who sends less at once than this part of what is read in a turn is not at full speed. */
const littlePart = 8;

/** Whom an input reads for. */
export interface InputOwner {
  /** False once its end has begun: nothing is read any more. */
  readonly isOpen: boolean;
  read(memory: BriefMemory): void;
}

/** What comes from one client's socket: when it is read, how much of it in one turn, and how long nothing has come. */
export class ConnectionInput implements DeferredReader, RestingReader {
  readonly #channel: Channel;
  readonly #owner: InputOwner;
  readonly #shared: ConnectionShared;
  /** What came when the time of its turn was over; little, since the socket is not read any more. */
  #deferred: BriefMemory[] | null = null;
  #pauses = 0;
  /** The turn in which it was read last, and how much was read in it. */
  #turn = 0;
  #readSizeBytes = 0;
  #receivedAtMs: number;
  /** Null for one who never had more to send than is read in a turn. */
  #busy: BusyClient | null = null;

  constructor(channel: Channel, owner: InputOwner, shared: ConnectionShared) {
    this.#channel = channel;
    this.#owner = owner;
    this.#shared = shared;
    this.#receivedAtMs = shared.clock.monotonicMs();
  }

  /** When what is read now came, on the monotonic clock. */
  get receivedAtMs(): number {
    return this.#receivedAtMs;
  }

  received(memory: BriefMemory): void {
    if (!this.#owner.isOpen) return;
    const { clock, counters, readingTurns } = this.#shared;
    counters.bytesReceived += memory.bytes.length;
    const beforeMs = this.#receivedAtMs;
    this.#receivedAtMs = clock.monotonicMs();
    if (this.#deferred === null && readingTurns.hasTime(this.#receivedAtMs)) {
      this.#read(memory, this.#receivedAtMs, this.#receivedAtMs - beforeMs);
      return;
    }
    counters.readsDeferred++;
    if (this.#deferred !== null) {
      this.#deferred.push(memory.keep());
      return;
    }
    this.#deferred = [memory.keep()];
    this.pause();
    readingTurns.defer(this);
  }

  readOn(): void {
    this.resume();
  }

  readDeferred(): void {
    const deferred = this.#deferred;
    if (deferred === null) return;
    this.#deferred = null;
    const { clock } = this.#shared;
    for (const memory of deferred) {
      if (this.#owner.isOpen) this.#read(memory, clock.monotonicMs(), 0);
    }
    this.resume();
  }

  /** Several parts may ask; the socket is read again when all of them let go. */
  pause(): void {
    if (this.#pauses++ === 0) this.#channel.pauseReading();
  }

  resume(): void {
    if (this.#pauses > 0 && --this.#pauses === 0) this.#channel.resumeReading();
  }

  /** How long the client has sent nothing. While the socket is not read, the silence is ours. */
  silentMs(nowMs: number): number {
    if (this.#pauses > 0) this.#receivedAtMs = nowMs;
    return nowMs - this.#receivedAtMs;
  }

  /** `quietMs`: so long nothing had come before. */
  #read(memory: BriefMemory, beganAtMs: number, quietMs: number): void {
    const { limits, counters, turnSpacing, busyClients } = this.#shared;
    const sizeBytes = memory.bytes.length;
    const publishes = counters.publishReceived;
    this.#owner.read(memory);
    this.#count(sizeBytes, beganAtMs);
    if (counters.publishReceived === publishes) return;
    turnSpacing.published(quietMs);
    if (this.#readSizeBytes <= limits.readSizeBytes / littlePart) {
      busyClients.publishedLittle(this, this.#busy, beganAtMs);
    }
  }

  /** Who has sent so much in one turn has more: first the others. */
  #count(sizeBytes: number, beganAtMs: number): void {
    const { readingTurns, limits, counters } = this.#shared;
    if (this.#turn !== readingTurns.turn) {
      this.#turn = readingTurns.turn;
      this.#readSizeBytes = 0;
      if (this.#busy !== null) this.#busy.turnBeganAtMs = beganAtMs;
    }
    const before = this.#readSizeBytes;
    this.#readSizeBytes += sizeBytes;
    const isNew = before < limits.readSizeBytes;
    if (!isNew || this.#readSizeBytes < limits.readSizeBytes || !this.#owner.isOpen) return;
    counters.readsRested++;
    this.#rest(beganAtMs);
  }

  #rest(beganAtMs: number): void {
    const { clock, readingTurns, busyClients } = this.#shared;
    this.pause();
    const sinceMs = this.#busy?.turnBeganAtMs ?? beganAtMs;
    this.#busy ??= new BusyClient();
    const hasHadItsShare = busyClients.took(this, this.#busy, sinceMs, clock.monotonicMs());
    if (hasHadItsShare) busyClients.rest(this);
    else readingTurns.rest(this);
  }
}
