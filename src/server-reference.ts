import type { MemberView } from "#cluster";
import { isLoopbackHost } from "./config/values.ts";

/** How a node says where clients find it. */
export interface ClientAddress {
  /** As given with `--advertise-mqtt`; null when it was not. */
  readonly advertised: string | null;
  /** The host that it listens on for MQTT. */
  readonly host: string;
  readonly port: number;
  /** It takes clients now. */
  readonly isReady: boolean;
  /** Where its ports are (`machineName`); null when it cannot say. */
  readonly machine: string | null;
  /** Names of the doors that it shares and that are open. */
  readonly sharedDoors: readonly string[];
}

const everyHost: ReadonlySet<string> = new Set(["0.0.0.0", "::", ""]);

/**
 * HOST:PORT for a Server Reference, or null when there is none that this node's clients could use. A node that listens on every
 * interface is named by the host that the other nodes know it by; one on loopback only to clients that are on loopback themselves.
 */
export function serverReferenceOf(
  { advertised, host, port }: ClientAddress,
  { addresses }: Pick<MemberView, "addresses">,
  areClientsLocal: boolean,
): string | null {
  if (advertised !== null) return advertised;
  if (isLoopbackHost(host) && !areClientsLocal) return null;
  if (!everyHost.has(host)) return `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const known = addresses[0]?.replace(/:\d+$/, "");
  return known === undefined ? null : `${known}:${port}`;
}

export function encodeClientAddress(address: ClientAddress): Uint8Array {
  return Buffer.from(JSON.stringify(address));
}

/** Null for anything else. */
export function decodeClientAddress(bytes: Uint8Array): ClientAddress | null {
  let value: Partial<Record<keyof ClientAddress, unknown>> | null;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return null;
  }
  // A node of an earlier version tells nothing of the last two.
  const { advertised, host, port, isReady, machine = null, sharedDoors = [] } = value ?? {};
  const isWhole =
    (advertised === null || typeof advertised === "string") &&
    typeof host === "string" &&
    typeof port === "number" &&
    typeof isReady === "boolean" &&
    (machine === null || typeof machine === "string") &&
    Array.isArray(sharedDoors) &&
    sharedDoors.every((name) => typeof name === "string");
  return isWhole ? { advertised, host, port, isReady, machine, sharedDoors } : null;
}
