import { type Point, panBy, pinch, type Viewport, zoomAt } from "../../model/viewport.ts";

export interface GestureTarget {
  view: Viewport;
  /** The viewer moved the map. */
  onMoved(): void;
  onHover(at: Point | null): void;
  onClick(at: Point): void;
}

/** Further than this between down and up, it was a drag and no click. */
const clickPixels = 5;
const wheelZoom = 0.0015;
const keyPanPixels = 60;
const keyZoom = 1.4;

/** Mouse, fingers, wheel and keys on the canvas; answers the way to stop. */
export function followGestures(canvas: HTMLCanvasElement, target: GestureTarget): () => void {
  const pointers = new Map<number, Point>();
  let down: Point | null = null;
  const stop = new AbortController();
  const { signal } = stop;

  const pointOf = (event: MouseEvent): Point => ({ x: event.offsetX, y: event.offsetY });

  const onDown = (event: PointerEvent): void => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, pointOf(event));
    down = pointers.size === 1 ? pointOf(event) : null;
  };
  const onMove = (event: PointerEvent): void => {
    const before = pointers.get(event.pointerId);
    const after = pointOf(event);
    if (before === undefined) {
      target.onHover(event.pointerType === "mouse" ? after : null);
      return;
    }
    const others = [...pointers].filter(([id]) => id !== event.pointerId);
    const other = others[0]?.[1];
    target.view =
      other === undefined
        ? panBy(target.view, after.x - before.x, after.y - before.y)
        : pinch(target.view, [before, other], [after, other]);
    pointers.set(event.pointerId, after);
    target.onMoved();
  };
  const onUp = (event: PointerEvent): void => {
    const at = pointOf(event);
    if (down !== null && Math.hypot(at.x - down.x, at.y - down.y) < clickPixels) target.onClick(at);
    pointers.delete(event.pointerId);
    down = null;
  };
  const onWheel = (event: WheelEvent): void => {
    event.preventDefault();
    // A trackpad's pinch comes as a wheel with Control and small steps.
    const step = event.deltaY * (event.ctrlKey ? 6 : 1) * (event.deltaMode === 1 ? 16 : 1);
    target.view = zoomAt(target.view, pointOf(event), Math.exp(-step * wheelZoom));
    target.onMoved();
  };
  const onKey = (event: KeyboardEvent): void => {
    const view = viewAfterKey(target.view, event.key);
    if (view === null || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    target.view = view;
    target.onMoved();
  };
  canvas.addEventListener("pointerdown", onDown, { signal });
  canvas.addEventListener("pointermove", onMove, { signal });
  canvas.addEventListener("pointerup", onUp, { signal });
  canvas.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId), { signal });
  canvas.addEventListener("pointerleave", () => target.onHover(null), { signal });
  canvas.addEventListener("wheel", onWheel, { signal, passive: false });
  canvas.addEventListener("keydown", onKey, { signal });
  return () => stop.abort();
}

export function zoomedAtMiddle(view: Viewport, factor: number): Viewport {
  return zoomAt(view, { x: view.width / 2, y: view.height / 2 }, factor);
}

function viewAfterKey(view: Viewport, key: string): Viewport | null {
  switch (key) {
    case "ArrowLeft":
      return panBy(view, keyPanPixels, 0);
    case "ArrowRight":
      return panBy(view, 0 - keyPanPixels, 0);
    case "ArrowUp":
      return panBy(view, 0, keyPanPixels);
    case "ArrowDown":
      return panBy(view, 0, 0 - keyPanPixels);
    case "+":
    case "=":
      return zoomedAtMiddle(view, keyZoom);
    case "-":
      return zoomedAtMiddle(view, 1 / keyZoom);
    default:
      return null;
  }
}
