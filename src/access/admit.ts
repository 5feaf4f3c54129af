import type {
  AuthenticationRefusal,
  AuthenticationResult,
  RefusalReason,
} from "../broker/access.ts";
import type { User } from "./users-file.ts";

/** The one who proved to be `user` comes in, under a client identifier that is the user's to use. */
export function admitted(user: User, clientId: string): AuthenticationResult {
  if (isClientIdOf(user, clientId)) return { isAllowed: true, username: user.name };
  return refused(0x87, "client-id", "not a client identifier of this user");
}

function isClientIdOf({ clientIds, name }: User, clientId: string): boolean {
  if (clientIds.length === 0) return true;
  return clientIds.some((pattern) => {
    const text = pattern.replace(/\*$/, "").replaceAll("{username}", () => name);
    return pattern.endsWith("*") ? clientId.startsWith(text) : clientId === text;
  });
}

export function refused(
  reasonCode: 0x86 | 0x87 | 0x89,
  reason: RefusalReason,
  detail: string,
): AuthenticationRefusal {
  return { isAllowed: false, reasonCode, reason, detail };
}
