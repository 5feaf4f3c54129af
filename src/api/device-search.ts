import type { Compiled } from "../query/compile.ts";
import type { DeviceQueries, DeviceState } from "./ports.ts";

/** Work of one request. */
export const searchLimits = {
  /** Devices that one request looks at; the answer's `next` goes on behind them. */
  scannedDevicesMax: 20_000,
  /** Of them in one turn of the event loop. */
  scannedPerTurn: 500,
} as const;

export interface Found {
  readonly devices: readonly DeviceState[];
  /** The device after which the search goes on; null when all were looked at. */
  readonly next: string | null;
  readonly scanned: number;
}

/** Devices that the expression is true for, in the order of their ids. */
export async function searchDevices(
  devices: DeviceQueries,
  where: Compiled,
  { after, limit }: { readonly after: string; readonly limit: number },
  nextTurn: () => Promise<void>,
): Promise<Found> {
  const { scannedDevicesMax, scannedPerTurn } = searchLimits;
  const found: DeviceState[] = [];
  let last = after;
  let scanned = 0;
  while (scanned < scannedDevicesMax) {
    const page = devices.list(last, scannedPerTurn);
    for (const device of page) {
      last = device.id;
      scanned++;
      if (where(device) === true && found.push(device) >= limit) {
        return { devices: found, next: last, scanned };
      }
    }
    if (page.length < scannedPerTurn) return { devices: found, next: null, scanned };
    await nextTurn();
  }
  return { devices: found, next: last, scanned };
}
