import type { PositionLine, PositionMark } from "./api-types.ts";
import { writtenAtMs } from "./freshness.ts";
import type { Bounds, Point } from "./viewport.ts";

/** Devices that the map holds; positions of more are counted and not shown. */
export const swarmSizeMax = 50_000;
/** Last points of each robot's way. */
export const trailPointsMax = 24;
/** After such a silence a robot jumps to where it is instead of gliding across the plane. */
const glideGapMsMax = 5_000;
const intervalMsMin = 50;
const intervalMsMax = 2_000;

/**
 * Where all robots are between two batches: each glides from where it is shown to where it was last heard of, in the time in which
 * the next word is due. Columns of numbers, because every frame walks over all of them.
 */
export class Swarm {
  readonly ids: string[] = [];
  readonly #isGliding: boolean;
  #fromX = new Float64Array(64);
  #fromY = new Float64Array(64);
  #toX = new Float64Array(64);
  #toY = new Float64Array(64);
  #startMs = new Float64Array(64);
  #glideMs = new Float64Array(64);
  #heardMs = new Float64Array(64);
  /** Ring of the last points of each: x, y, x, y, ... */
  #trails = new Float32Array(64 * trailPointsMax * 2);
  #trailLengths = new Uint8Array(64);
  #trailEnds = new Uint8Array(64);
  readonly #indexes = new Map<string, number>();
  /** The device's own time of its last word: the same once more is no news. */
  readonly #stamps: unknown[] = [];
  /** While a full set is told: those that it has not named so far. */
  #untold: Set<string> | null = null;
  /** Until then something moves on its own. */
  movingUntilMs = 0;
  /** Positions of devices beyond `swarmSizeMax`. */
  refused = 0;

  /** Without gliding robots jump from word to word, for viewers whom movement disturbs. */
  constructor(isGliding = true) {
    this.#isGliding = isGliding;
  }

  get size(): number {
    return this.ids.length;
  }

  indexOf(id: string): number {
    return this.#indexes.get(id) ?? -1;
  }

  /**
   * What is told as a full set was there before the viewer came (again), so that its age is what the device says. True when robots went:
   * then indexes mean others.
   */
  take(batch: readonly (PositionLine | PositionMark)[], nowMs: number, wallMs: number): boolean {
    let isAnyGone = false;
    for (const line of batch) {
      if (isPosition(line)) this.#place(line, nowMs, wallMs);
      else isAnyGone = this.#heed(line) || isAnyGone;
    }
    return isAnyGone;
  }

  xAt(index: number, nowMs: number): number {
    return glide(this.#fromX, this.#toX, index, this.#progress(index, nowMs));
  }

  yAt(index: number, nowMs: number): number {
    return glide(this.#fromY, this.#toY, index, this.#progress(index, nowMs));
  }

  ageMs(index: number, nowMs: number): number {
    return nowMs - (this.#heardMs[index] ?? 0);
  }

  /** Direction of the last movement in radians, null for a robot that stands. */
  headingOf(index: number): number | null {
    const dx = (this.#toX[index] ?? 0) - (this.#fromX[index] ?? 0);
    const dy = (this.#toY[index] ?? 0) - (this.#fromY[index] ?? 0);
    return dx === 0 && dy === 0 ? null : Math.atan2(dy, dx);
  }

  trailLength(index: number): number {
    return this.#trailLengths[index] ?? 0;
  }

  /** Calls back with the points of its way, oldest first. */
  eachTrailPoint(index: number, visit: (x: number, y: number) => void): void {
    const length = this.#trailLengths[index] ?? 0;
    const end = this.#trailEnds[index] ?? 0;
    const base = index * trailPointsMax * 2;
    for (let i = length; i > 0; i--) {
      const slot = base + ((end - i + trailPointsMax) % trailPointsMax) * 2;
      visit(this.#trails[slot] ?? 0, this.#trails[slot + 1] ?? 0);
    }
  }

  /** Null while there is nobody. */
  bounds(): Bounds | null {
    if (this.size === 0) return null;
    let [minX, minY, maxX, maxY] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < this.size; i++) {
      minX = Math.min(minX, this.#toX[i] ?? 0);
      maxX = Math.max(maxX, this.#toX[i] ?? 0);
      minY = Math.min(minY, this.#toY[i] ?? 0);
      maxY = Math.max(maxY, this.#toY[i] ?? 0);
    }
    return { minX, minY, maxX, maxY };
  }

  /** The nearest robot within `radius` world units; -1 when there is none. */
  nearest(at: Point, radius: number, nowMs: number): number {
    let best = -1;
    let bestSquare = radius * radius;
    for (let i = 0; i < this.size; i++) {
      const dx = this.xAt(i, nowMs) - at.x;
      const dy = this.yAt(i, nowMs) - at.y;
      const square = dx * dx + dy * dy;
      if (square <= bestSquare) {
        best = i;
        bestSquare = square;
      }
    }
    return best;
  }

  #place(position: PositionLine, nowMs: number, wallMs: number): void {
    const isFirst = this.#untold !== null;
    this.#untold?.delete(position.deviceId);
    const known = this.#indexes.get(position.deviceId);
    if (known === undefined) this.#add(position, nowMs, wallMs, isFirst);
    else if (!this.#isKnown(known, position)) {
      this.#move(known, position, nowMs);
      this.#heardMs[known] = heardAt(position, nowMs, wallMs, isFirst);
    }
  }

  /** True when somebody went. */
  #heed(mark: PositionMark | null): boolean {
    if (typeof mark !== "object" || mark === null) return false;
    if (mark.isReset) this.#untold = new Set(this.ids);
    if (mark.isGone) return this.#remove(mark.deviceId ?? "");
    if (!mark.isComplete || this.#untold === null) return false;
    const gone = [...this.#untold];
    this.#untold = null;
    for (const id of gone) this.#remove(id);
    return gone.length > 0;
  }

  /** The last one takes its place. */
  #remove(id: string): boolean {
    const index = this.#indexes.get(id);
    if (index === undefined) return false;
    const last = this.size - 1;
    for (const column of [
      ...[this.#fromX, this.#fromY, this.#toX, this.#toY],
      ...[this.#startMs, this.#glideMs, this.#heardMs, this.#trailLengths, this.#trailEnds],
    ]) {
      column[index] = column[last] ?? 0;
    }
    const trail = trailPointsMax * 2;
    this.#trails.copyWithin(index * trail, last * trail, (last + 1) * trail);
    const moved = this.ids[last] ?? id;
    this.ids[index] = moved;
    this.#stamps[index] = this.#stamps[last];
    this.#indexes.set(moved, index);
    this.#indexes.delete(id);
    this.ids.pop();
    this.#stamps.pop();
    return true;
  }

  #isKnown(index: number, { x, y, timestamp }: PositionLine): boolean {
    const isSamePlace = this.#toX[index] === x && this.#toY[index] === y;
    return isSamePlace && this.#stamps[index] === timestamp;
  }

  #add(position: PositionLine, nowMs: number, wallMs: number, isFirst: boolean): void {
    const { deviceId, x, y, timestamp } = position;
    if (this.size >= swarmSizeMax) {
      this.refused++;
      return;
    }
    const index = this.size;
    this.#grow(index + 1);
    this.ids.push(deviceId);
    this.#stamps.push(timestamp);
    this.#indexes.set(deviceId, index);
    this.#fromX[index] = this.#toX[index] = x;
    this.#fromY[index] = this.#toY[index] = y;
    this.#startMs[index] = nowMs;
    this.#glideMs[index] = 0;
    this.#heardMs[index] = heardAt(position, nowMs, wallMs, isFirst);
    this.#trailLengths[index] = 0;
    this.#trailEnds[index] = 0;
    this.#leaveTrail(index, x, y);
  }

  #move(index: number, { x, y, timestamp }: PositionLine, nowMs: number): void {
    this.#stamps[index] = timestamp;
    const shownX = this.xAt(index, nowMs);
    const shownY = this.yAt(index, nowMs);
    const gapMs = nowMs - (this.#startMs[index] ?? nowMs);
    const isLong = gapMs > glideGapMsMax;
    this.#fromX[index] = isLong ? x : shownX;
    this.#fromY[index] = isLong ? y : shownY;
    this.#toX[index] = x;
    this.#toY[index] = y;
    if (this.#isGliding) this.#glideMs[index] = nextGlideMs(this.#glideMs[index] ?? 0, gapMs);
    this.#startMs[index] = nowMs;
    this.movingUntilMs = Math.max(this.movingUntilMs, nowMs + (this.#glideMs[index] ?? 0));
    this.#leaveTrail(index, x, y);
  }

  #progress(index: number, nowMs: number): number {
    const glideMs = this.#glideMs[index] ?? 0;
    const passedMs = nowMs - (this.#startMs[index] ?? 0);
    return glideMs <= 0 || passedMs >= glideMs ? 1 : Math.max(0, passedMs / glideMs);
  }

  #leaveTrail(index: number, x: number, y: number): void {
    const end = this.#trailEnds[index] ?? 0;
    const slot = (index * trailPointsMax + end) * 2;
    this.#trails[slot] = x;
    this.#trails[slot + 1] = y;
    this.#trailEnds[index] = (end + 1) % trailPointsMax;
    this.#trailLengths[index] = Math.min(trailPointsMax, (this.#trailLengths[index] ?? 0) + 1);
  }

  #grow(size: number): void {
    if (size <= this.#toX.length) return;
    const capacity = this.#toX.length * 2;
    const wider = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const column = new Float64Array(capacity);
      column.set(old);
      return column;
    };
    this.#fromX = wider(this.#fromX);
    this.#fromY = wider(this.#fromY);
    this.#toX = wider(this.#toX);
    this.#toY = wider(this.#toY);
    this.#startMs = wider(this.#startMs);
    this.#glideMs = wider(this.#glideMs);
    this.#heardMs = wider(this.#heardMs);
    const trails = new Float32Array(capacity * trailPointsMax * 2);
    trails.set(this.#trails);
    this.#trails = trails;
    const lengths = new Uint8Array(capacity);
    lengths.set(this.#trailLengths);
    this.#trailLengths = lengths;
    const ends = new Uint8Array(capacity);
    ends.set(this.#trailEnds);
    this.#trailEnds = ends;
  }
}

/** A little longer than words usually come, so that a late one does not make the robot halt. */
export function nextGlideMs(glideMs: number, gapMs: number): number {
  const dueMs = Math.min(intervalMsMax, Math.max(intervalMsMin, gapMs * 1.1));
  return glideMs === 0 ? dueMs : glideMs * 0.7 + dueMs * 0.3;
}

/** On the clock of the frames. What cannot be dated is as old as can be, until it speaks. */
function heardAt(
  { timestamp }: PositionLine,
  nowMs: number,
  wallMs: number,
  isFirst: boolean,
): number {
  if (!isFirst) return nowMs;
  const writtenMs = writtenAtMs(timestamp, wallMs);
  return writtenMs === null ? Number.NEGATIVE_INFINITY : nowMs - (wallMs - writtenMs);
}

function glide(from: Float64Array, to: Float64Array, index: number, progress: number): number {
  const start = from[index] ?? 0;
  return start + ((to[index] ?? 0) - start) * progress;
}

function isPosition(value: PositionLine | PositionMark): value is PositionLine {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof value.deviceId === "string" &&
    "x" in value &&
    Number.isFinite(value.x) &&
    Number.isFinite(value.y)
  );
}
