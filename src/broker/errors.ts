/** The closed list of what the broker refuses. `docs/errors.md` says what to do about each. */
export const brokerErrorCodes = [
  "port-taken",
  "listen-failed",
  "topic-invalid",
  "not-authorized",
  "too-large",
  "overloaded",
  "version-conflict",
  "no-quorum",
  "stopped",
  "snapshot-malformed",
] as const;

export type BrokerErrorCode = (typeof brokerErrorCodes)[number];

/** One class for every failure of the broker; switch on `code`, log `details`. */
export class BrokerError extends Error {
  readonly code: BrokerErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: BrokerErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "BrokerError";
    this.code = code;
    this.details = details;
  }
}
