/**
 * How the text of an option becomes a value. Each parser throws {@link Expectation} with what it would have taken; the
 * caller knows which option it was and where it came from.
 */
export class Expectation extends Error {}

export interface ListenAddress {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
}

export function parseText(pattern: RegExp, expected: string): (text: string) => string {
  return (text) => {
    if (!pattern.test(text)) {
      throw new Expectation(expected);
    }
    return text;
  };
}

export function parseChoice<const T extends string>(choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) {
      throw new Expectation(`one of ${choices.join(", ")}`);
    }
    return choice;
  };
}

export function parseSwitch(text: string): boolean {
  if (text === "on" || text === "true" || text === "yes" || text === "1") {
    return true;
  }
  if (text === "off" || text === "false" || text === "no" || text === "0") {
    return false;
  }
  throw new Expectation("on or off");
}

export function parseCount(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new Expectation(`a whole number from ${min} to ${max}`);
    }
    return value;
  };
}

const sizeUnits: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KB: 1000,
  KiB: 1024,
  MB: 1e6,
  MiB: 2 ** 20,
  GB: 1e9,
  GiB: 2 ** 30,
};

export function parseSizeBytes(min: number, max: number): (text: string) => number {
  return (text) => {
    const match = /^(\d{1,15})\s*([A-Za-z]*)$/.exec(text);
    const value = Number(match?.[1]) * (sizeUnits[match?.[2] ?? "?"] ?? Number.NaN);
    if (!(value >= min && value <= max)) {
      throw new Expectation(`a size from ${min} to ${max} bytes, such as 65536 or 64KiB`);
    }
    return value;
  };
}

const durationUnits: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 };

export function parseSeconds(min: number, max: number): (text: string) => number {
  return (text) => {
    const match = /^(\d{1,15})\s*([a-z]*)$/.exec(text);
    const value = Number(match?.[1]) * (durationUnits[match?.[2] ?? "?"] ?? Number.NaN);
    if (!(value >= min && value <= max)) {
      throw new Expectation(`a time from ${min} to ${max} seconds, such as 90, 90s, 15m, 2h or 7d`);
    }
    return value;
  };
}

function parsePort(text: string, min: number): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  return port >= min && port <= 65_535 ? port : null;
}

/** Splits `HOST:PORT`; an IPv6 host stands in brackets. Null when it is neither. */
function splitHostPort(text: string): { host: string; port: string } | null {
  const match = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s:[\]/]+)):(\d+)$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  return match === null || host === undefined ? null : { host, port: match[3] ?? "" };
}

/** `[HOST:]PORT`. */
export function parseListen(defaultHost: string): (text: string) => ListenAddress {
  return (text) => {
    const parts = /^\d+$/.test(text) ? { host: defaultHost, port: text } : splitHostPort(text);
    const port = parts === null ? null : parsePort(parts.port, 0);
    if (parts === null || port === null) {
      throw new Expectation(
        "[HOST:]PORT with a port from 0 to 65535, such as 1883 or 0.0.0.0:1883",
      );
    }
    return { host: parts.host, port };
  };
}

/** `HOST:PORT[,HOST:PORT...]`; answers each address in its normal form. */
export function parseAddresses(text: string): readonly string[] {
  const addresses = text.split(",").map((part) => {
    const parts = splitHostPort(part.trim());
    const port = parts === null ? null : parsePort(parts.port, 1);
    if (parts === null || port === null) {
      throw new Expectation("HOST:PORT[,HOST:PORT...] with ports from 1 to 65535");
    }
    return parts.host.includes(":") ? `[${parts.host}]:${port}` : `${parts.host}:${port}`;
  });
  if (addresses.length > 64) {
    throw new Expectation("at most 64 addresses");
  }
  return addresses;
}

/** One `HOST:PORT`, in its normal form. */
export function parseAddress(text: string): string {
  const [address, ...others] = /^[^,]+$/.test(text) ? parseAddresses(text) : [];
  if (address === undefined || others.length > 0) {
    throw new Expectation("HOST:PORT with a port from 1 to 65535");
  }
  return address;
}

/** True for hosts that only this machine can reach. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
