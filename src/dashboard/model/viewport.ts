/** The part of the plane that is shown. World coordinates grow to the right and up, pixels to the right and down. */
export interface Viewport {
  /** World point in the middle of the canvas. */
  readonly centerX: number;
  readonly centerY: number;
  /** Pixels of one world unit. */
  readonly scale: number;
  /** Pixels of the canvas. */
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Bounds {
  readonly minX: number;
  readonly minY: number;
  readonly maxX: number;
  readonly maxY: number;
}

const scaleMin = 1e-6;
const scaleMax = 1e6;

export function toScreen(view: Viewport, { x, y }: Point): Point {
  return {
    x: view.width / 2 + (x - view.centerX) * view.scale,
    y: view.height / 2 - (y - view.centerY) * view.scale,
  };
}

export function toWorld(view: Viewport, { x, y }: Point): Point {
  return {
    x: view.centerX + (x - view.width / 2) / view.scale,
    y: view.centerY - (y - view.height / 2) / view.scale,
  };
}

/** Moves the content by pixels, as a finger does. */
export function panBy(view: Viewport, dxPixels: number, dyPixels: number): Viewport {
  return {
    ...view,
    centerX: view.centerX - dxPixels / view.scale,
    centerY: view.centerY + dyPixels / view.scale,
  };
}

/** The world point under `at` stays where it is. */
export function zoomAt(view: Viewport, at: Point, factor: number): Viewport {
  const scale = Math.min(scaleMax, Math.max(scaleMin, view.scale * factor));
  const fixed = toWorld(view, at);
  return {
    ...view,
    scale,
    centerX: fixed.x - (at.x - view.width / 2) / scale,
    centerY: fixed.y + (at.y - view.height / 2) / scale,
  };
}

/** Two fingers moved: their middle carries the content along, their distance zooms. */
export function pinch(
  view: Viewport,
  before: readonly [Point, Point],
  after: readonly [Point, Point],
): Viewport {
  const from = middle(before);
  const to = middle(after);
  const factor = distance(before) === 0 ? 1 : distance(after) / distance(before);
  return zoomAt(panBy(view, to.x - from.x, to.y - from.y), to, factor);
}

export function resized(view: Viewport, width: number, height: number): Viewport {
  return { ...view, width, height };
}

/** Shows all of `bounds` with a margin; a single point is shown at a scale of its own. */
export function fitted(view: Viewport, bounds: Bounds, marginPixels = 32): Viewport {
  const spanX = bounds.maxX - bounds.minX;
  const spanY = bounds.maxY - bounds.minY;
  const room = (pixels: number): number => Math.max(1, pixels - 2 * marginPixels);
  const scale =
    spanX <= 0 && spanY <= 0
      ? 10
      : Math.min(
          spanX > 0 ? room(view.width) / spanX : Number.POSITIVE_INFINITY,
          spanY > 0 ? room(view.height) / spanY : Number.POSITIVE_INFINITY,
        );
  return {
    ...view,
    centerX: (bounds.minX + bounds.maxX) / 2,
    centerY: (bounds.minY + bounds.maxY) / 2,
    scale: Math.min(scaleMax, Math.max(scaleMin, scale)),
  };
}

/** Distance between grid lines in world units: 1, 2 or 5 times a power of ten, so that lines are at least `minPixels` apart. */
export function gridStep(scale: number, minPixels: number): number {
  const rough = minPixels / scale;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((times) => times * power >= rough * (1 - 1e-9)) ?? 10;
  return step * power;
}

/** Multiples of `step` between two world coordinates. */
export function gridLines(from: number, to: number, step: number): number[] {
  const lines: number[] = [];
  const first = Math.ceil(from / step);
  const last = Math.floor(to / step);
  for (let i = first; i <= last && lines.length < 1000; i++) lines.push(i * step);
  return lines;
}

/** A grid line's number without the noise of binary fractions. */
export function gridLabel(value: number, step: number): string {
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  return (Math.abs(value) < step / 2 ? 0 : value).toFixed(Math.min(digits, 6));
}

function middle([a, b]: readonly [Point, Point]): Point {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

function distance([a, b]: readonly [Point, Point]): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
