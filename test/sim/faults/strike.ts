import type { Fault } from "../plan.ts";
import type { Seeded } from "../seeded.ts";
import type { World } from "../world.ts";

/** What undoes a fault when its time is over; null when there is nothing to undo. */
export type Undo = (() => void) | null;
export type Strike = (world: World, random: Seeded, fault: Fault) => Undo;
