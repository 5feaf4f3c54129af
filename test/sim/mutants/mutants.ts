import { consensusMutants } from "./consensus-mutants.ts";
import { deviceMutants } from "./device-mutants.ts";
import { faultMutants } from "./fault-mutants.ts";
import { leadershipMutants } from "./leadership-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { surfaceMutants } from "./surface-mutants.ts";

export const mutants: readonly Mutant[] = [
  ...consensusMutants,
  ...leadershipMutants,
  ...surfaceMutants,
  ...faultMutants,
  ...deviceMutants,
];

/** The source with the bug in it. Throws when the text is not there exactly once: the table must follow the code. */
export function mutate(source: string, { name, file, find, replace }: Mutant): string {
  const found = source.split(find).length - 1;
  if (found !== 1) throw new Error(`mutant "${name}": its text stands ${found} times in ${file}`);
  return source.replace(find, () => replace);
}
