import type { LoadedConfig } from "./config.ts";
import type { Ports } from "./saved-ports.ts";

type Face = keyof Ports;

/** How a face is to be bound. */
export interface PortRequest {
  readonly host: string;
  readonly port: number;
  /** True: asked for by name, so a taken port is an error and not the reason to take the next. */
  readonly isPortFixed: boolean;
  readonly optionName: string;
}

const faces: readonly Face[] = ["mqtt", "ws", "http", "peer", "mqtts", "wss"];

/** A port this far above the default is one that an earlier start moved on to. */
const movesMax = 100;

/** Defaults go back to the port the data directory used last, and keep off ports that another option names. */
export function portRequest(
  face: Face,
  { config, sources }: LoadedConfig,
  saved: Partial<Ports> | null,
): PortRequest {
  const { host, port } = config[face];
  const optionName = `--${face}`;
  if (sources[face] !== "default") {
    return { host, port, isPortFixed: port !== 0, optionName };
  }
  const reserved = new Set(
    faces.filter((other) => sources[other] !== "default").map((other) => config[other].port),
  );
  const last = saved?.[face] ?? port;
  let wanted = last >= port && last < port + movesMax ? last : port;
  while (reserved.has(wanted)) {
    wanted++;
  }
  return { host, port: wanted, isPortFixed: false, optionName };
}
