const kibibyte = 1024;
const secondsPerDay = 86_400;

/** A bound as `docs/limits.md` writes it: the unit comes from the end of its name. */
export function limitText(name: string, value: number): string {
  if (value === 0) return "0";
  if (/sizeBytes(PerTurn)?(Max|Min)?$|_SIZE_BYTES_MAX$/i.test(name)) {
    return sizeText(value);
  }
  if (name.endsWith("Ms")) return value % 1000 === 0 ? `${grouped(value / 1000)} s` : `${value} ms`;
  if (/Seconds(Max)?$/.test(name)) {
    return value % secondsPerDay === 0 ? `${value / secondsPerDay} d` : `${grouped(value)} s`;
  }
  return grouped(value);
}

function sizeText(sizeBytes: number): string {
  for (const [unit, power] of [
    ["GiB", 3],
    ["MiB", 2],
    ["KiB", 1],
  ] as const) {
    const count = sizeBytes / kibibyte ** power;
    if (Number.isInteger(count)) return `${grouped(count)} ${unit}`;
  }
  return `${grouped(sizeBytes)} bytes`;
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}
