import { effect, signal } from "@preact/signals";
import { PositionFeed } from "../../live/position-feed.ts";
import { colourOf, colourVersion } from "../../live/theme.ts";
import { type Freshness, freshnessIndex, freshnessLevels } from "../../model/freshness.ts";
import { Swarm } from "../../model/swarm.ts";
import { fitted, type Point, resized, toWorld, type Viewport } from "../../model/viewport.ts";
import { draw, makeDots, type Palette } from "./drawing.ts";
import { followGestures, type GestureTarget, zoomedAtMiddle } from "./gestures.ts";

const intervalMs = 250;
/** Without movement the map is drawn this often, since colours follow the age. */
const idleFrameMs = 400;
const pickPixels = 14;

/** How many robots there are, and how many of each freshness; counted once a second. */
export interface Census {
  readonly total: number;
  readonly refused: number;
  readonly byFreshness: Readonly<Record<Freshness, number>>;
}

/** The canvas, what is on it and what moves it. Preact only gives it a place in the page. */
export class MapCanvas implements GestureTarget {
  readonly census = signal<Census | null>(null);
  view: Viewport = { centerX: 0, centerY: 0, scale: 8, width: 1, height: 1 };
  readonly #canvas: HTMLCanvasElement;
  readonly #pen: CanvasRenderingContext2D | null;
  readonly #swarm = new Swarm(!matchMedia("(prefers-reduced-motion: reduce)").matches);
  readonly #onSelect: (id: string | null) => void;
  readonly #feed: PositionFeed;
  readonly #stops: (() => void)[] = [];
  #palette: Palette | null = null;
  #selectedId: string | null = null;
  #hovered = -1;
  #areTrailsWanted = true;
  /** The viewer has not moved the map: it follows the swarm's bounds. */
  #isFitting = true;
  #isDirty = true;
  #lastFrameMs = 0;
  #frame = 0;

  constructor(canvas: HTMLCanvasElement, onSelect: (id: string | null) => void) {
    this.#canvas = canvas;
    this.#pen = canvas.getContext("2d");
    this.#onSelect = onSelect;
    this.#feed = new PositionFeed(intervalMs, (batch) => {
      const isNew = this.#swarm.size === 0;
      const isAnyGone = this.#swarm.take(batch, performance.now(), Date.now());
      if (isAnyGone) this.onHover(null);
      if (this.#isFitting) this.#fit();
      if (isNew || isAnyGone) this.#count();
      this.#isDirty = true;
    });
    const sizes = new ResizeObserver(() => this.#resize());
    sizes.observe(canvas);
    const timer = setInterval(() => this.#count(), 1000);
    this.#stops.push(
      () => sizes.disconnect(),
      () => clearInterval(timer),
      () => this.#feed.stop(),
      followGestures(canvas, this),
      effect(() => {
        colourVersion.value;
        this.#paint();
      }),
    );
    this.#resize();
    this.#frame = requestAnimationFrame((nowMs) => this.#animate(nowMs));
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
    for (const stop of this.#stops) stop();
  }

  select(id: string | null): void {
    this.#selectedId = id;
    this.#isDirty = true;
  }

  setTrails(areWanted: boolean): void {
    this.#areTrailsWanted = areWanted;
    this.#isDirty = true;
  }

  zoom(factor: number): void {
    this.view = zoomedAtMiddle(this.view, factor);
    this.onMoved();
  }

  showAll(): void {
    this.#isFitting = true;
    this.#fit();
    this.#isDirty = true;
  }

  /** Identifiers that contain `text`, those that begin with it first. */
  find(text: string, most: number): readonly string[] {
    const wanted = text.toLowerCase();
    const found = this.#swarm.ids.filter((id) => id.toLowerCase().includes(wanted));
    const rank = (id: string): number => (id.toLowerCase().startsWith(wanted) ? 0 : 1);
    return found
      .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b, "en", { numeric: true }))
      .slice(0, most);
  }

  centerOn(id: string): void {
    const index = this.#swarm.indexOf(id);
    if (index < 0) return;
    const nowMs = performance.now();
    const { x, y } = { x: this.#swarm.xAt(index, nowMs), y: this.#swarm.yAt(index, nowMs) };
    this.view = { ...this.view, centerX: x, centerY: y };
    this.onMoved();
  }

  onMoved(): void {
    this.#isFitting = false;
    this.#isDirty = true;
  }

  onHover(at: Point | null): void {
    const hovered = at === null ? -1 : this.#pick(at);
    if (hovered === this.#hovered) return;
    this.#hovered = hovered;
    this.#canvas.style.cursor = hovered < 0 ? "" : "pointer";
    this.#isDirty = true;
  }

  onClick(at: Point): void {
    const id = this.#swarm.ids[this.#pick(at)];
    this.#onSelect(id === undefined || id === this.#selectedId ? null : id);
  }

  #pick(at: Point): number {
    return this.#swarm.nearest(
      toWorld(this.view, at),
      pickPixels / this.view.scale,
      performance.now(),
    );
  }

  #fit(): void {
    const bounds = this.#swarm.bounds();
    if (bounds !== null) this.view = fitted(this.view, bounds, 48);
  }

  #resize(): void {
    const { clientWidth, clientHeight } = this.#canvas;
    const ratio = Math.min(2, devicePixelRatio || 1);
    this.#canvas.width = Math.max(1, Math.round(clientWidth * ratio));
    this.#canvas.height = Math.max(1, Math.round(clientHeight * ratio));
    this.#pen?.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.view = resized(this.view, clientWidth, clientHeight);
    if (this.#isFitting) this.#fit();
    this.#paint();
  }

  #paint(): void {
    const robots = Object.fromEntries(
      freshnessLevels.map((level) => [level, colourOf(level)]),
    ) as Record<Freshness, string>;
    const surface = colourOf("surface");
    const ratio = Math.min(2, devicePixelRatio || 1);
    const dots = makeDots(Object.values(robots), surface, ratio);
    const [grid, quiet, text, accent] = ["grid", "quiet", "text", "accent"].map(colourOf);
    this.#palette = {
      grid: grid ?? "",
      quiet: quiet ?? "",
      text: text ?? "",
      accent: accent ?? "",
      surface,
      robots,
      dots,
    };
    this.#isDirty = true;
  }

  #animate(nowMs: number): void {
    this.#frame = requestAnimationFrame((next) => this.#animate(next));
    const isDue = nowMs - this.#lastFrameMs > idleFrameMs;
    if (!this.#isDirty && !isDue && nowMs > this.#swarm.movingUntilMs) return;
    this.#isDirty = false;
    this.#lastFrameMs = nowMs;
    if (this.#pen === null || this.#palette === null) return;
    draw(this.#pen, {
      view: this.view,
      swarm: this.#swarm,
      palette: this.#palette,
      nowMs,
      selected: this.#selectedId === null ? -1 : this.#swarm.indexOf(this.#selectedId),
      hovered: this.#hovered,
      areTrailsWanted: this.#areTrailsWanted,
    });
  }

  #count(): void {
    const nowMs = performance.now();
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < this.#swarm.size; i++) {
      const level = freshnessIndex(this.#swarm.ageMs(i, nowMs));
      counts[level] = (counts[level] ?? 0) + 1;
    }
    const [fresh = 0, ageing = 0, stale = 0, lost = 0] = counts;
    this.census.value = {
      total: this.#swarm.size,
      refused: this.#swarm.refused,
      byFreshness: { fresh, ageing, stale, lost },
    };
  }
}
