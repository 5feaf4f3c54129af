import type { Figures } from "./report.ts";
import { escaped } from "./svg-text.ts";
import type { Workload } from "./workloads.ts";

const width = 900;
const margin = 20;
const labelWidth = 285;
const valueWidth = 125;
const barHeight = 16;
const groupGap = 18;
const top = 92;
const colours = ["#e0641c", "#3f8fc9", "#5aa04a", "#9b72c4", "#9c8550", "#c94f88"];

export interface ChartOptions {
  /** Who is 1 everywhere. */
  readonly reference: string;
  /** By the name of a contender, where one is known. */
  readonly versions: Readonly<Record<string, string>>;
  /** How it was measured, a line each. */
  readonly caption: readonly string[];
}

interface Bar {
  readonly contender: string;
  /** How many times as much as the reference: messages, or messages per CPU second. */
  readonly ratio: number;
  readonly amount: string;
}

/**
 * Horizontal bars, one group for each workload: how many times as much as the reference, on a logarithmic scale. It brings its own
 * background, light or dark as its reader likes it, so that it is legible on any page.
 */
export function chart(
  all: readonly Figures[],
  workloads: readonly Workload[],
  { reference, versions, caption }: ChartOptions,
): string {
  const contenders = [...new Set(all.map(({ contender }) => contender))];
  const groups = workloads.flatMap((workload) => {
    const bars = all.filter((one) => one.workload === workload.name).flatMap(barOf(workload));
    const note = workload.compared === "rate" ? "" : "messages per CPU time";
    return bars.length === 0 ? [] : [{ title: workload.title, note, bars }];
  });
  const ratios = groups.flatMap(({ bars }) => bars.map(({ ratio }) => ratio));
  const scale = logarithmic(Math.min(1, ...ratios), Math.max(1, ...ratios));
  const parts: string[] = [];
  let y = top;
  for (const { title, note, bars } of groups) {
    const middle = y + (bars.length * barHeight) / 2;
    parts.push(text(labelWidth - 12, middle - (note === "" ? 0 : 8), title, "end"));
    if (note !== "") parts.push(text(labelWidth - 12, middle + 9, note, "end", "small"));
    for (const { contender, ratio, amount } of bars) {
      const colour = colours[contenders.indexOf(contender) % colours.length]!;
      const length = Math.max(1, scale(ratio));
      const value = `<tspan class="ratio">${ratioText(ratio)}</tspan>  ${escaped(amount)}`;
      parts.push(
        `<rect x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight - 3}" rx="2" fill="${colour}"/>`,
        `<text x="${(labelWidth + length + 6).toFixed(1)}" y="${y + barHeight / 2 - 1}" class="small value" xml:space="preserve">${value}</text>`,
      );
      y += barHeight;
    }
    y += groupGap;
  }
  const bottom = y - groupGap + 6;
  const height = bottom + 26 + caption.length * 16;
  const ticks = ticksBetween(Math.min(1, ...ratios), Math.max(1, ...ratios)).flatMap((ratio) => {
    const x = (labelWidth + scale(ratio)).toFixed(1);
    const kind = ratio === 1 ? "one" : "tick";
    const line = `<line x1="${x}" y1="${top - 8}" x2="${x}" y2="${bottom}" class="${kind}"/>`;
    return [line, text(Number(x), top - 15, `${ratio} x`, "middle", "small")];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Throughput beside ${escaped(reference)}">`,
    `<style>${style}</style>`,
    `<rect class="page" x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8"/>`,
    text(margin, 24, `Messages per second, ${named(reference, versions)} = 1`, "start", "title"),
    text(width - margin, 24, "logarithmic; longer is better", "end", "small"),
    ...legend(contenders, versions),
    ...ticks,
    ...parts,
    ...caption.map((line, at) => text(margin, bottom + 24 + at * 16, line, "start", "small")),
    "</svg>",
    "",
  ].join("\n");
}

const style = [
  "text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1f2328;dominant-baseline:middle}",
  ".title{font-size:16px;font-weight:600}.small{font-size:12px;fill:#59636e}.ratio{font-weight:600;fill:#1f2328}",
  ".page{fill:#fff;stroke:#d1d9e0}.value{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}",
  ".tick{stroke:#d1d9e0}.one{stroke:#59636e;stroke-dasharray:3 3}",
  "@media(prefers-color-scheme:dark){text,.ratio{fill:#f0f6fc}.small{fill:#9198a1}.page{fill:#151b23;stroke:#3d444d}",
  ".value{stroke:#151b23}.tick{stroke:#3d444d}.one{stroke:#9198a1}}",
].join("");

/** CPU time counts by its inverse, so that more is better everywhere. */
function barOf(workload: Workload): (figures: Figures) => readonly Bar[] {
  return ({ contender, rateRatio, cpuRatio, messagesPerSecond, cpuMicrosPerMessage }) => {
    const isRate = workload.compared === "rate";
    const ratio = isRate ? rateRatio : cpuRatio === null ? null : 1 / cpuRatio;
    const amount = isRate
      ? `${rateText(messagesPerSecond)}/s`
      : `${cpuMicrosPerMessage.toPrecision(3)} µs each`;
    return ratio === null || !Number.isFinite(ratio) ? [] : [{ contender, ratio, amount }];
  };
}

function legend(
  contenders: readonly string[],
  versions: Readonly<Record<string, string>>,
): readonly string[] {
  let x = margin;
  return contenders.flatMap((contender, at) => {
    const name = named(contender, versions);
    const box = `<rect x="${x}" y="42" width="12" height="12" rx="2" fill="${colours[at % colours.length]}"/>`;
    const label = text(x + 18, 48, name, "start");
    x += 48 + name.length * 7;
    return [box, label];
  });
}

function named(contender: string, versions: Readonly<Record<string, string>>): string {
  const version = versions[contender];
  return version === undefined || version === "" ? contender : `${contender} ${version}`;
}

/** Of a ratio, the length of its bar. The axis begins below the smallest. */
function logarithmic(least: number, greatest: number): (ratio: number) => number {
  const from = Math.log(least / 1.5);
  const to = Math.log(greatest);
  const room = width - margin - labelWidth - valueWidth;
  return (ratio) => ((Math.log(ratio) - from) / (to - from)) * room;
}

/** The powers of ten, and 1 in any case. */
function ticksBetween(least: number, greatest: number): readonly number[] {
  const ticks: number[] = [];
  for (let power = Math.ceil(Math.log10(least / 1.4)); 10 ** power <= greatest; power++) {
    ticks.push(Number((10 ** power).toPrecision(1)));
  }
  return ticks;
}

function ratioText(ratio: number): string {
  return `${ratio >= 10 ? ratio.toFixed(0) : ratio.toPrecision(2)} x`;
}

function rateText(perSecond: number): string {
  if (perSecond >= 1_000_000) return `${(perSecond / 1_000_000).toPrecision(3)} M`;
  return perSecond >= 1000 ? `${Math.round(perSecond / 1000)} k` : String(Math.round(perSecond));
}

function text(x: number, y: number, content: string, anchor: string, kind = ""): string {
  const style = kind === "" ? "" : ` class="${kind}"`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"${style}>${escaped(content)}</text>`;
}
