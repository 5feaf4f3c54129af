const mappedPrefix = "::ffff:";

/** Without the IPv6 wrapping that dual-stack sockets put around IPv4 addresses. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return "";
  return address.startsWith(mappedPrefix) ? address.slice(mappedPrefix.length) : address;
}

export function isLoopbackAddress(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}
