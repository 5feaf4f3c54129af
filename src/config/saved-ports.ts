import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Ports by face, as `ports.json` in a data directory keeps them: for the next start, and for `cluster` to find nodes. */
export interface Ports {
  readonly mqtt: number;
  readonly ws: number;
  readonly http: number;
  readonly peer: number;
  /** With --tls-cert. */
  readonly mqtts?: number;
  readonly wss?: number;
}

const fileName = "ports.json";

/** The ports this data directory used last, or null; a damaged file is no reason not to start. */
export function readPorts(dataDir: string): Partial<Ports> | null {
  try {
    const value: unknown = JSON.parse(readFileSync(join(dataDir, fileName), "utf8"));
    return typeof value === "object" && value !== null ? onlyPorts(value) : null;
  } catch {
    return null;
  }
}

/** Replaces the file as a whole, so that a reader never sees half of it. */
export function writePorts(dataDir: string, ports: Ports): void {
  const path = join(dataDir, fileName);
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(ports)}\n`);
  renameSync(temporary, path);
}

function onlyPorts(value: object): Partial<Ports> {
  const entries = Object.entries(value).filter(
    ([name, port]) =>
      ["mqtt", "ws", "http", "peer", "mqtts", "wss"].includes(name) &&
      Number.isInteger(port) &&
      port > 0 &&
      port <= 65_535,
  );
  return Object.fromEntries(entries);
}
