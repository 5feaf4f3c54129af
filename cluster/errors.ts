/** The closed list of what can go wrong between nodes. `docs/errors.md` says what to do about each. */
export const clusterErrorCodes = [
  "option-invalid",
  "wrong-secret",
  "wrong-cluster",
  "version-mismatch",
  "node-removed",
  "name-taken",
  "unreachable",
  "link-closed",
  "frame-too-large",
  "frame-malformed",
  "queue-full",
  "timeout",
  "no-quorum",
  "not-leader",
  "stopped",
  "storage-locked",
  "storage-corrupt",
  "storage-failed",
  "storage-foreign",
  "port-taken",
  "change-refused",
  "unknown-node",
  "remote-failure",
  "invariant-broken",
] as const;

export type ClusterErrorCode = (typeof clusterErrorCodes)[number];

/** One class for every failure of the cluster library; switch on `code`, log `details`. */
export class ClusterError extends Error {
  readonly code: ClusterErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ClusterErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "ClusterError";
    this.code = code;
    this.details = details;
  }
}

/**
 * What another node refused a request with. It travels as `remote-failure` with a text that begins with the code; whoever asked
 * for something that the other node does in its place passes the refusal on as its own.
 */
export function refusalOfPeer(error: unknown): unknown {
  if (!(error instanceof ClusterError) || error.code !== "remote-failure") return error;
  const [, code, text] = /^([a-z-]+): (.*)$/s.exec(error.message) ?? [];
  const known = clusterErrorCodes.find((one) => one === code);
  return known === undefined || text === undefined
    ? error
    : new ClusterError(known, text, {}, error);
}

/** A member that was removed learns of it. */
export function nodeRemoved(name: string): ClusterError {
  return new ClusterError(
    "node-removed",
    `this node (${name}) was removed from the cluster; start it with an empty data directory to join again under a new id`,
  );
}
