/** What the `cluster` command ends with. */
export const exitCodes = {
  ok: 0,
  /** The cluster answered and is not in sync, or refused what was asked. */
  notInSync: 1,
  /** No node answered. */
  unreachable: 2,
  /** The command line is wrong. */
  usage: 2,
} as const;

export type ExitCode = 0 | 1 | 2;
