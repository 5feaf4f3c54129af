import type { IncomingHttpHeaders } from "node:http";
import { isLoopbackHost } from "../config/values.ts";
import { isAllowedOrigin } from "./cors.ts";
import { ApiError } from "./problem.ts";

/**
 * A node on loopback trusts whoever reaches it, and any web page reaches it through the browser of the person beside it.
 * So it answers only to names of this machine (a foreign name that resolves to loopback is an attack) and only to pages that
 * were themselves loaded from it, or from an origin allowed by name (`--cors-origin`). Listening beyond loopback was allowed by name (`--allow-anonymous`) and opens both.
 */
export function checkAdmission(
  { host, origin }: IncomingHttpHeaders,
  corsOrigins: readonly string[],
): void {
  if (!isLoopbackUrl(`http://${host ?? ""}`)) {
    throw new ApiError(
      421,
      "host-not-local",
      "this address answers to localhost only; start the node with --allow-anonymous to serve others",
    );
  }
  const isKnown = origin === undefined || isAllowedOrigin(corsOrigins, origin);
  if (!isKnown && !isLoopbackUrl(origin)) {
    throw new ApiError(403, "origin-not-local", `pages from ${origin} may not use this node`);
  }
}

export function isAdmitted(headers: IncomingHttpHeaders, corsOrigins: readonly string[]): boolean {
  try {
    checkAdmission(headers, corsOrigins);
    return true;
  } catch {
    return false;
  }
}

function isLoopbackUrl(text: string): boolean {
  const hostname = URL.parse(text)?.hostname.replace(/^\[|\]$/g, "");
  return hostname !== undefined && isLoopbackHost(hostname);
}
