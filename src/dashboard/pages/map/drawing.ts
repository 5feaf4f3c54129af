import { type Freshness, freshnessIndex, freshnessLevels } from "../../model/freshness.ts";
import type { Swarm } from "../../model/swarm.ts";
import {
  gridLabel,
  gridLines,
  gridStep,
  toScreen,
  toWorld,
  type Viewport,
} from "../../model/viewport.ts";

/** Everything the map is drawn with; made anew when the colours of the page change. */
export interface Palette {
  readonly grid: string;
  readonly quiet: string;
  readonly text: string;
  readonly surface: string;
  readonly accent: string;
  readonly robots: Readonly<Record<Freshness, string>>;
  /** A dot of each colour, ready to be copied. */
  readonly dots: readonly HTMLCanvasElement[];
}

export interface Scene {
  readonly view: Viewport;
  readonly swarm: Swarm;
  readonly palette: Palette;
  readonly nowMs: number;
  /** Index into the swarm; -1 for none. */
  readonly selected: number;
  readonly hovered: number;
  readonly areTrailsWanted: boolean;
}

const dotRadius = 4;
const dotSize = dotRadius * 2 + 2;
/** Beyond so many in sight, ways and directions would only be a tangle, and cost frames. */
const trailsMax = 500;
const headingsMax = 1_500;
const gridPixels = 90;

export function makeDots(colours: readonly string[], edge: string, ratio: number) {
  return colours.map((colour) => {
    const dot = document.createElement("canvas");
    dot.width = dot.height = Math.ceil(dotSize * ratio);
    const pen = dot.getContext("2d");
    if (pen === null) return dot;
    pen.scale(ratio, ratio);
    pen.beginPath();
    pen.arc(dotSize / 2, dotSize / 2, dotRadius, 0, 2 * Math.PI);
    pen.fillStyle = colour;
    pen.fill();
    pen.lineWidth = 1;
    pen.strokeStyle = edge;
    pen.stroke();
    return dot;
  });
}

export function draw(pen: CanvasRenderingContext2D, scene: Scene): void {
  const { view } = scene;
  pen.clearRect(0, 0, view.width, view.height);
  drawGrid(pen, scene);
  const inSight = inSightOf(scene);
  if (scene.areTrailsWanted && inSight.count <= trailsMax) drawTrails(pen, scene, inSight);
  else if (scene.selected >= 0) drawTrail(pen, scene, scene.selected);
  if (inSight.count <= headingsMax) drawHeadings(pen, scene, inSight);
  drawDots(pen, scene, inSight);
  if (scene.hovered >= 0) drawLabel(pen, scene, scene.hovered, false);
  if (scene.selected >= 0) drawLabel(pen, scene, scene.selected, true);
}

/** Screen places of what is in sight, in columns that are used again in each frame. */
interface InSight {
  count: number;
  indexes: Int32Array;
  x: Float64Array;
  y: Float64Array;
}

const inSight: InSight = {
  count: 0,
  indexes: new Int32Array(1024),
  x: new Float64Array(1024),
  y: new Float64Array(1024),
};

function inSightOf({ view, swarm, nowMs }: Scene): InSight {
  if (inSight.indexes.length < swarm.size) {
    const capacity = swarm.size * 2;
    inSight.indexes = new Int32Array(capacity);
    inSight.x = new Float64Array(capacity);
    inSight.y = new Float64Array(capacity);
  }
  const { width, height, centerX, centerY, scale } = view;
  let count = 0;
  for (let i = 0; i < swarm.size; i++) {
    const x = width / 2 + (swarm.xAt(i, nowMs) - centerX) * scale;
    const y = height / 2 - (swarm.yAt(i, nowMs) - centerY) * scale;
    if (x < -dotSize || x > width + dotSize || y < -dotSize || y > height + dotSize) continue;
    inSight.indexes[count] = i;
    inSight.x[count] = x;
    inSight.y[count] = y;
    count++;
  }
  inSight.count = count;
  return inSight;
}

function drawGrid(pen: CanvasRenderingContext2D, { view, palette }: Scene): void {
  const step = gridStep(view.scale, gridPixels);
  const from = toWorld(view, { x: 0, y: view.height });
  const to = toWorld(view, { x: view.width, y: 0 });
  pen.lineWidth = 1;
  pen.strokeStyle = palette.grid;
  pen.fillStyle = palette.quiet;
  pen.font = "11px system-ui, sans-serif";
  pen.beginPath();
  for (const x of gridLines(from.x, to.x, step)) {
    const at = Math.round(toScreen(view, { x, y: 0 }).x) + 0.5;
    pen.moveTo(at, 0);
    pen.lineTo(at, view.height);
    pen.fillText(gridLabel(x, step), at + 4, view.height - 5);
  }
  for (const y of gridLines(from.y, to.y, step)) {
    const at = Math.round(toScreen(view, { x: 0, y }).y) + 0.5;
    pen.moveTo(0, at);
    pen.lineTo(view.width, at);
    // The search field stands above.
    if (at > 64) pen.fillText(gridLabel(y, step), 4, at - 4);
  }
  pen.stroke();
}

function drawDots(pen: CanvasRenderingContext2D, scene: Scene, { count, indexes, x, y }: InSight) {
  const { swarm, palette, nowMs } = scene;
  const half = dotSize / 2;
  for (let i = 0; i < count; i++) {
    const dot = palette.dots[freshnessIndex(swarm.ageMs(indexes[i] ?? 0, nowMs))];
    if (dot === undefined) continue;
    pen.drawImage(dot, (x[i] ?? 0) - half, (y[i] ?? 0) - half, dotSize, dotSize);
  }
}

function drawHeadings(pen: CanvasRenderingContext2D, scene: Scene, sight: InSight): void {
  const { swarm, palette } = scene;
  pen.lineWidth = 2;
  pen.strokeStyle = palette.quiet;
  pen.beginPath();
  for (let i = 0; i < sight.count; i++) {
    const heading = swarm.headingOf(sight.indexes[i] ?? 0);
    if (heading === null) continue;
    const x = sight.x[i] ?? 0;
    const y = sight.y[i] ?? 0;
    pen.moveTo(x, y);
    pen.lineTo(x + Math.cos(heading) * 9, y - Math.sin(heading) * 9);
  }
  pen.stroke();
}

function drawTrails(pen: CanvasRenderingContext2D, scene: Scene, sight: InSight): void {
  const { palette, swarm, selected, nowMs } = scene;
  pen.globalAlpha = 0.35;
  pen.lineWidth = 1.5;
  for (const [level, name] of freshnessLevels.entries()) {
    pen.strokeStyle = palette.robots[name];
    pen.beginPath();
    for (let i = 0; i < sight.count; i++) {
      const index = sight.indexes[i] ?? 0;
      if (index === selected || freshnessIndex(swarm.ageMs(index, nowMs)) !== level) continue;
      traceTrail(pen, scene, index);
    }
    pen.stroke();
  }
  pen.globalAlpha = 1;
  if (selected >= 0) drawTrail(pen, scene, selected);
}

function drawTrail(pen: CanvasRenderingContext2D, scene: Scene, index: number): void {
  pen.lineWidth = 2.5;
  pen.strokeStyle = scene.palette.accent;
  pen.beginPath();
  traceTrail(pen, scene, index);
  pen.stroke();
}

/** The way it went, up to where it is shown: the newest point is still ahead of it. */
function traceTrail(pen: CanvasRenderingContext2D, scene: Scene, index: number): void {
  const { swarm, view, nowMs } = scene;
  const length = swarm.trailLength(index);
  let drawn = 0;
  swarm.eachTrailPoint(index, (x, y) => {
    drawn++;
    if (drawn === length) return;
    const at = toScreen(view, { x, y });
    if (drawn === 1) pen.moveTo(at.x, at.y);
    else pen.lineTo(at.x, at.y);
  });
  if (length < 2) return;
  const end = toScreen(view, { x: swarm.xAt(index, nowMs), y: swarm.yAt(index, nowMs) });
  pen.lineTo(end.x, end.y);
}

function drawLabel(
  pen: CanvasRenderingContext2D,
  { swarm, view, palette, nowMs }: Scene,
  index: number,
  isSelected: boolean,
): void {
  const at = toScreen(view, { x: swarm.xAt(index, nowMs), y: swarm.yAt(index, nowMs) });
  pen.lineWidth = 2;
  pen.strokeStyle = isSelected ? palette.accent : palette.quiet;
  pen.beginPath();
  pen.arc(at.x, at.y, 9, 0, 2 * Math.PI);
  pen.stroke();
  const id = swarm.ids[index] ?? "";
  const text = id.length > 40 ? `${id.slice(0, 39)}…` : id;
  pen.font = "600 12px system-ui, sans-serif";
  pen.lineWidth = 3.5;
  pen.strokeStyle = palette.surface;
  pen.strokeText(text, at.x + 13, at.y + 4);
  pen.fillStyle = palette.text;
  pen.fillText(text, at.x + 13, at.y + 4);
}
