/** What a viewer shows to go on where it was, on any node: a log index is the same everywhere in one cluster, and in no other. */
export function resumeToken(clusterId: string | null, index: number): string | null {
  return clusterId === null || index <= 0 ? null : `${clusterId}.${index}`;
}

/** Null for a token of another cluster, or none at all: its viewer gets everything. */
export function indexOfToken(token: string, clusterId: string | null): number | null {
  if (clusterId === null || !token.startsWith(`${clusterId}.`)) return null;
  const digits = token.slice(clusterId.length + 1);
  return /^[1-9]\d{0,15}$/.test(digits) ? Number(digits) : null;
}
