/**
 * The log index, unless the same entry wrote one of the keys before: an entry carries many commands, and each value needs a version
 * of its own, or a compare-and-set could take one for the other.
 */
export function nextVersion(index: number, versions: readonly number[]): number {
  return versions.reduce((next, version) => Math.max(next, version + 1), index);
}
