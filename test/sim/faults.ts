import { diskFaults } from "./faults/disk-faults.ts";
import { memberFaults } from "./faults/member-faults.ts";
import { networkFaults } from "./faults/network-faults.ts";
import { processFaults } from "./faults/process-faults.ts";
import type { Strike } from "./faults/strike.ts";
import type { Fault, FaultKind } from "./plan.ts";
import { Seeded } from "./seeded.ts";
import type { World } from "./world.ts";

const strikes: Record<FaultKind, Strike> = {
  ...processFaults,
  ...networkFaults,
  ...diskFaults,
  ...memberFaults,
};

/** Brings a fault about, and takes it back after its duration unless the world was healed before. */
export function strike(world: World, fault: Fault): void {
  world.note(`fault ${fault.number}: ${fault.kind} for ${fault.durationMs.toFixed(0)} ms`);
  const undo = strikes[fault.kind](world, new Seeded(fault.seed, "fault"), fault);
  if (undo === null) return;
  world.clock.after(fault.durationMs, () => {
    if (!world.isHealed) undo();
  });
}
