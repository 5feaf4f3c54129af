import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { isLoopbackAddress, plainAddress } from "../listeners/address.ts";
import { isAdmitted } from "./admission.ts";
import { isAllowedOrigin } from "./cors.ts";
import { ApiError } from "./problem.ts";

/** Who a name and a password are. */
export interface ApiUsers {
  /** Null: not right. "busy": too many passwords wait to be checked. */
  roleOf(name: string, password: Buffer): Promise<"none" | "viewer" | "admin" | "busy" | null>;
}

/** Throws {@link ApiError} for whoever may not ask. */
export type Admit = (request: IncomingMessage) => void | Promise<void>;

export const loginChallenge = 'Basic realm="FlockMQ", charset="UTF-8"';

/** Whether the process lives and may be sent clients is for everybody to know. */
const openPaths = ["/livez", "/readyz"];
const readingMethods = ["GET", "HEAD", "OPTIONS"];
/** Whoever stands between adds one of these: then the address of the socket is not that of the client. */
const relayHeaders = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/**
 * For a node whose HTTP port others reach: who asks must log in, by HTTP Basic, as a user of the users file. Programs on this machine
 * need not, as on loopback. Throws {@link ApiError}.
 */
export async function checkLogin(
  request: IncomingMessage,
  users: ApiUsers,
  corsOrigins: readonly string[],
): Promise<void> {
  const path = (request.url ?? "").split("?")[0] ?? "";
  const { headers, method = "GET" } = request;
  if (openPaths.includes(path) || isFromThisMachine(request)) return;
  checkOrigin(headers, corsOrigins);
  const login = basicLogin(headers.authorization);
  if (login === null) throw loginRequired("log in with a user of the users file, by HTTP Basic");
  const role = await users.roleOf(login.name, login.password);
  if (role === null) throw loginRequired("the user name or the password is wrong");
  if (role === "busy") {
    throw new ApiError(503, "overloaded", "too many passwords wait to be checked; try again");
  }
  const isAllowed = role === "admin" || (role === "viewer" && readingMethods.includes(method));
  if (isAllowed) {
    names.set(request, login.name);
    return;
  }
  const needed = readingMethods.includes(method) ? "viewer or admin" : "admin";
  throw new ApiError(403, "role-missing", `this needs a user that the users file calls ${needed}`);
}

const names = new WeakMap<IncomingMessage, string>();

/** As whom the request was let in; null: from this machine, or nobody has to log in. */
export function loginNameOf(request: IncomingMessage): string | null {
  return names.get(request) ?? null;
}

function loginRequired(detail: string): ApiError {
  return new ApiError(401, "login-required", detail);
}

function isFromThisMachine({ socket, headers }: IncomingMessage): boolean {
  const isLocal = isLoopbackAddress(plainAddress(socket.remoteAddress));
  return (
    isLocal && relayHeaders.every((name) => headers[name] === undefined) && isAdmitted(headers, [])
  );
}

/** A browser adds a login by itself, for any page: only pages from here, and those allowed by name, may use it. */
function checkOrigin({ origin, host }: IncomingHttpHeaders, corsOrigins: readonly string[]): void {
  if (origin === undefined || isAllowedOrigin(corsOrigins, origin)) return;
  if (URL.parse(origin)?.host === URL.parse(`http://${host ?? ""}`)?.host) return;
  throw new ApiError(
    403,
    "origin-foreign",
    `pages from ${origin.slice(0, 200)} may not use this node`,
  );
}

function basicLogin(
  header: string | undefined,
): { readonly name: string; readonly password: Buffer } | null {
  const token = /^basic ([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? "")?.[1];
  if (token === undefined) return null;
  const text = Buffer.from(token, "base64");
  const colon = text.indexOf(":");
  if (colon < 0) return null;
  return { name: text.subarray(0, colon).toString("utf8"), password: text.subarray(colon + 1) };
}
