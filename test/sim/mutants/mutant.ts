import type { FaultKind } from "../plan.ts";

/** A known bug, as the change of text that puts it back. It exists in copies of the tree only. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** Test files that catch it where no schedule can: a disk, or a rule whose breach costs liveness in rare weather only. */
  readonly tests?: readonly string[];
  /** Only seeds whose plan has all of these kinds of faults are tried: the weather that the bug needs. */
  readonly faults?: readonly FaultKind[];
}
