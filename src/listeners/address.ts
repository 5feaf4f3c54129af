const mappedPrefix = "::ffff:";

/** Without the IPv6 wrapping that dual-stack sockets put around IPv4 addresses. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return "";
  return address.startsWith(mappedPrefix) ? address.slice(mappedPrefix.length) : address;
}

export function isLoopbackAddress(address: string): boolean {
  return address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}

/** Names and addresses of this machine, IPv6 with or without brackets. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase();
  return bare === "localhost" || bare.endsWith(".localhost") || isLoopbackAddress(bare);
}
