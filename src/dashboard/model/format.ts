/** Figures for people: short, of steady width, and never a number that looks more exact than it is. */

const nothing = "–";

/** 0, 7, 812, 1,204, 12.4k, 3.1M: exact below ten thousand. */
export function formatCount(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return nothing;
  const size = Math.abs(value);
  if (size < 10_000) return grouped(Math.round(value));
  return scaled(value, ["k", "M", "G", "T"], 1000);
}

/** Every digit, for what is compared with another figure: log indexes, versions. */
export function formatExact(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value)
    ? nothing
    : grouped(Math.round(value));
}

/** Per second: one decimal below ten, so that a slow trickle is not shown as nothing. */
export function formatRate(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined || !Number.isFinite(perSecond)) return nothing;
  if (perSecond === 0) return "0";
  if (Math.abs(perSecond) < 0.05) return "<0.1";
  if (Math.abs(perSecond) < 10) return trimZero(perSecond.toFixed(1));
  return formatCount(perSecond);
}

export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return nothing;
  if (Math.abs(bytes) < 1000) return `${Math.round(bytes)} B`;
  return scaled(bytes, [" kB", " MB", " GB", " TB"], 1000);
}

/** 8 s, 3 min, 2 h 5 min, 4 d 1 h: the two largest units. */
export function formatDuration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return nothing;
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return joined(hours, "h", minutes % 60, "min");
  return joined(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** How long ago something was, for a person. Clocks of two machines differ: what lies ahead is "now". */
export function formatAge(atMs: number | null | undefined, nowMs: number): string {
  if (atMs === null || atMs === undefined || !Number.isFinite(atMs)) return nothing;
  const seconds = (nowMs - atMs) / 1000;
  return seconds < 1 ? "now" : `${formatDuration(seconds)} ago`;
}

/** 14:03:09 of the viewer's own time zone; the zone's offset is an argument, since this module has no clock. */
export function formatTime(atMs: number, offsetMinutes: number): string {
  const date = Math.floor(atMs / 1000) - offsetMinutes * 60;
  const inDay = ((date % 86_400) + 86_400) % 86_400;
  return [Math.floor(inDay / 3600), Math.floor(inDay / 60) % 60, inDay % 60].map(padded).join(":");
}

/** The beginning of a digest, enough to see at a glance whether two are equal. */
export function shortDigest(digest: string): string {
  return digest === "" ? nothing : digest.slice(0, 8);
}

/** `coordX` -> "coord X", `messagesIn` -> "messages in": names of figures that nobody wrote a label for. */
export function wordsOf(name: string): string {
  const words = name.replace(/_/g, " ").replace(/([a-z])([A-Z])/g, "$1 $2");
  return words.toLowerCase();
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

function scaled(value: number, units: readonly string[], step: number): string {
  let rest = value / step;
  let unit = 0;
  // 999.95 would be shown as 1000.0.
  while (Math.abs(rest) >= step - step / 20_000 && unit < units.length - 1) {
    rest /= step;
    unit++;
  }
  const digits = Math.abs(rest) < 99.95 ? 1 : 0;
  return `${trimZero(rest.toFixed(digits))}${units[unit]}`;
}

function trimZero(text: string): string {
  return text.replace(/\.0$/, "");
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

function padded(value: number): string {
  return String(value).padStart(2, "0");
}
