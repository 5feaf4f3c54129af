import type { Clock, Counters, Log, Random } from "../ports.ts";
import type { Transport } from "../transport/transport.ts";

/** What the drivers of members, interest and forwarding share with the composition. */
export interface DriverPorts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly counters: Counters;
}
