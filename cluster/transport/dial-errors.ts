import { ClusterError, type ClusterErrorCode } from "../errors.ts";

/** What every transport says when a dial ends without a link; the address is in the text and in the details. */
export function dialFailure(
  code: ClusterErrorCode,
  address: string,
  reason: string,
  cause?: unknown,
): ClusterError {
  return new ClusterError(code, `peer ${address}: ${reason}`, { address }, cause);
}

export function unreachable(address: string, reason: string, cause?: unknown): ClusterError {
  return dialFailure("unreachable", address, reason, cause);
}

export function dialTimeout(address: string): ClusterError {
  return dialFailure("timeout", address, "no link in time");
}

/** Throws `unreachable` for an address of the dialling node itself. */
export function checkIsElsewhere(address: string, own: readonly string[]): void {
  if (own.includes(address)) throw unreachable(address, itselfReason);
}

export const itselfReason = "that is this node itself";
