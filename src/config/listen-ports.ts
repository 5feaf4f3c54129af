import type { LoadedConfig } from "./config.ts";
import type { Ports } from "./saved-ports.ts";

type Face = keyof Ports;

/** How a face is to be bound. */
export interface PortRequest {
  readonly host: string;
  readonly port: number;
  /** True: asked for by name, so a taken port is an error and not the reason to take the next. */
  readonly isPortFixed: boolean;
  /** Other nodes of this machine may listen there, too. */
  readonly isShared: boolean;
  readonly optionName: string;
}

/** Each node is asked for itself over HTTP, and dialled for itself by its peers. */
const unsharedFaces: readonly Face[] = ["http", "peer"];

const faces: readonly Face[] = ["mqtt", "ws", "http", "peer", "mqtts", "wss"];

/** A port this far above the default is one that an earlier start moved on to. */
const movesMax = 100;

/**
 * Defaults go back to the port the data directory used last, and keep off ports that another option names. A port to share stays where it
 * is, because the others are there; port 0 is one that nobody else could name.
 */
export function portRequest(
  face: Face,
  { config, sources }: LoadedConfig,
  saved: Partial<Ports> | null,
): PortRequest {
  const { host, port } = config[face];
  const optionName = `--${face}`;
  const isShared = config.reusePort && port !== 0 && !unsharedFaces.includes(face);
  if (sources[face] !== "default") {
    return { host, port, isPortFixed: port !== 0, isShared, optionName };
  }
  const reserved = new Set(
    faces.filter((other) => sources[other] !== "default").map((other) => config[other].port),
  );
  const last = isShared ? port : (saved?.[face] ?? port);
  let wanted = last >= port && last < port + movesMax ? last : port;
  while (reserved.has(wanted)) {
    wanted++;
  }
  return { host, port: wanted, isPortFixed: isShared, isShared, optionName };
}
