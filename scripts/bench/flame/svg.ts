import { escaped } from "../svg-text.ts";
import type { Flame, Frame } from "./frames.ts";

const width = 1200;
const margin = 12;
const rowHeight = 17;
const top = 62;
/** Of the font below; monospaced, so that it is known what fits. */
const characterWidth = 6.05;
/** A frame of less of the busy samples is left out, with all it called. */
const leastShare = 0.002;

/** Who wrote the code of a frame. */
const origins = [
  { key: "ours", title: "FlockMQ", colour: "#f2a65a" },
  { key: "packages", title: "packages", colour: "#c9a2d8" },
  { key: "node", title: "Node.js", colour: "#8fc19a" },
  { key: "native", title: "system calls and native code", colour: "#93b7d9" },
  { key: "engine", title: "garbage collector, and what V8 names (program)", colour: "#c8ccd0" },
] as const;

type Origin = (typeof origins)[number]["key"];

/**
 * Callers below, what they called above them, as wide as they have samples. One file that needs nothing else; its own background keeps
 * it legible on any page. A frame's `title` has what does not fit on it.
 */
export function flameSvg(flame: Flame, title: string): string {
  const rows = depthOf(flame.roots, flame.busySamples);
  const height = top + rows * rowHeight + margin;
  const perSample = (width - 2 * margin) / Math.max(1, flame.busySamples);
  const parts: string[] = [];
  const draw = (frames: readonly Frame[], left: number, row: number): void => {
    let x = left;
    for (const frame of frames) {
      const length = frame.samples * perSample;
      if (isShown(frame, flame.busySamples)) {
        parts.push(frameSvg(frame, x, height - margin - (row + 1) * rowHeight, length, flame));
        draw(frame.callees, x, row + 1);
      }
      x += length;
    }
  };
  draw(flame.roots, margin, 0);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>text{font:10px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#1c2024}.h{font:600 14px system-ui,sans-serif}.l{font:12px system-ui,sans-serif}rect{stroke:#fff;stroke-width:.6}${origins.map(({ key, colour }) => `.${key}{fill:${colour}}`).join("")}</style>`,
    `<rect width="${width}" height="${height}" rx="6" fill="#fff"/>`,
    `<text x="${margin}" y="22" class="h">${escaped(title)}</text>`,
    `<text x="${width - margin}" y="22" class="l" text-anchor="end">${escaped(totals(flame))}</text>`,
    ...legend(),
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function frameSvg(frame: Frame, x: number, y: number, length: number, flame: Flame): string {
  const share = percent(frame.samples, flame.busySamples);
  const self = percent(frame.selfSamples, flame.busySamples);
  const where = frame.file === "" ? "" : ` ${frame.file}`;
  const tip = `${frame.name}${where}: ${count(frame.samples)} samples, ${share}; itself ${self}`;
  const box = `<rect class="${originOf(frame)}" x="${short(x)}" y="${y}" width="${short(length)}" height="${rowHeight}"/>`;
  const label = fitting(frame, Math.floor((length - 6) / characterWidth));
  const text =
    label === "" ? "" : `<text x="${short(x + 3)}" y="${y + 12}">${escaped(label)}</text>`;
  return `<g><title>${escaped(tip)}</title>${box}${text}</g>`;
}

/** The name with its file, the name, or what of it there is room for. */
function fitting(frame: Frame, characters: number): string {
  const file = frame.file.replace(/^node_modules\//, "");
  const whole = file === "" ? frame.name : `${frame.name} ${file}`;
  if (whole.length <= characters) return whole;
  if (frame.name.length <= characters) return frame.name;
  return characters < 4 ? "" : `${frame.name.slice(0, characters - 1)}…`;
}

function originOf({ name, file }: Frame): Origin {
  if (file === "") return name.startsWith("(") && name !== "(anonymous)" ? "engine" : "native";
  if (file.startsWith("node:")) return "node";
  return file.startsWith("node_modules/") ? "packages" : "ours";
}

function legend(): readonly string[] {
  let x = margin;
  return origins.flatMap(({ key, title }) => {
    const box = `<rect class="${key}" x="${x}" y="34" width="12" height="12"/>`;
    const label = `<text x="${x + 17}" y="44" class="l">${escaped(title)}</text>`;
    x += 40 + title.length * 6.3;
    return [box, label];
  });
}

function totals({ busySamples, idleSamples }: Flame): string {
  const all = busySamples + idleSamples;
  const least = `frames below ${leastShare * 100} % left out`;
  return `${count(busySamples)} samples; idle in ${percent(idleSamples, all)} of ${count(all)}, not shown; ${least}`;
}

function isShown({ samples }: Frame, all: number): boolean {
  return samples >= all * leastShare;
}

function depthOf(frames: readonly Frame[], all: number): number {
  const shown = frames.filter((frame) => isShown(frame, all));
  return Math.max(0, ...shown.map(({ callees }) => 1 + depthOf(callees, all)));
}

function percent(part: number, all: number): string {
  return `${((part / Math.max(1, all)) * 100).toFixed(1)} %`;
}

function count(samples: number): string {
  return samples.toLocaleString("en-US");
}

function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}
