import type { Figures } from "./report.ts";
import { escaped } from "./svg-text.ts";
import type { Workload } from "./workloads.ts";

const width = 760;
const labelWidth = 250;
const valueWidth = 120;
const barHeight = 12;
const groupGap = 14;
const top = 58;
const colours = ["#d9580d", "#2f81b7", "#5a9e4b", "#9467bd", "#8c7a5b", "#c2417b"];

interface Bar {
  readonly contender: string;
  /** How many times as much as the reference: messages, or messages per CPU second. */
  readonly ratio: number;
}

/**
 * Horizontal bars, one group for each workload: how many times as much as the reference, on a logarithmic scale. Nothing in it
 * depends on the page's background: text takes the reader's colour scheme.
 */
export function chart(
  all: readonly Figures[],
  workloads: readonly Workload[],
  reference: string,
  caption: string,
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
    parts.push(text(labelWidth - 10, middle - (note === "" ? 0 : 6), title, "end"));
    if (note !== "") parts.push(text(labelWidth - 10, middle + 8, note, "end", "small"));
    for (const { contender, ratio } of bars) {
      const colour = colours[contenders.indexOf(contender) % colours.length]!;
      const length = Math.max(1, scale(ratio));
      parts.push(
        `<rect x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight - 2}" rx="1.5" fill="${colour}"/>`,
        text(labelWidth + length + 5, y + barHeight / 2 - 1, ratioText(ratio), "start", "small"),
      );
      y += barHeight;
    }
    y += groupGap;
  }
  const one = labelWidth + scale(1);
  const line = `<line x1="${one}" y1="${top - 6}" x2="${one}" y2="${y - groupGap}" class="line"/>`;
  const height = y + 24;
  const footer = text(0, y + 8, caption, "start", "small");
  const title = text(0, 14, `${reference} = 1, logarithmic; more is better`, "start");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Throughput beside ${escaped(reference)}">`,
    `<style>text{font:12px system-ui,sans-serif;fill:#24292f;dominant-baseline:middle}.small{font-size:10px}.line{stroke:#57606a;stroke-dasharray:3 3}@media(prefers-color-scheme:dark){text{fill:#d1d7e0}.line{stroke:#9198a1}}</style>`,
    title,
    ...legend(contenders),
    line,
    ...parts,
    footer,
    "</svg>",
    "",
  ].join("\n");
}

/** CPU time counts by its inverse, so that more is better everywhere. */
function barOf(workload: Workload): (figures: Figures) => readonly Bar[] {
  return ({ contender, rateRatio, cpuRatio }) => {
    const ratio =
      workload.compared === "rate" ? rateRatio : cpuRatio === null ? null : 1 / cpuRatio;
    return ratio === null || !Number.isFinite(ratio) ? [] : [{ contender, ratio }];
  };
}

function legend(contenders: readonly string[]): readonly string[] {
  let x = 0;
  return contenders.flatMap((contender, at) => {
    const box = `<rect x="${x}" y="28" width="10" height="10" rx="1.5" fill="${colours[at % colours.length]}"/>`;
    const label = text(x + 15, 33, contender, "start");
    x += 35 + contender.length * 7;
    return [box, label];
  });
}

/** Of a ratio, the length of its bar. The axis begins below the smallest. */
function logarithmic(least: number, greatest: number): (ratio: number) => number {
  const from = Math.log(least / 1.5);
  const to = Math.log(greatest);
  const room = width - labelWidth - valueWidth;
  return (ratio) => ((Math.log(ratio) - from) / (to - from)) * room;
}

function ratioText(ratio: number): string {
  return `${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(2)} x`;
}

function text(x: number, y: number, content: string, anchor: string, kind = ""): string {
  const style = kind === "" ? "" : ` class="${kind}"`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"${style}>${escaped(content)}</text>`;
}
