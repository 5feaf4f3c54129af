import type { NodeId } from "../node-id.ts";

/** What one replica says about its own content. */
export interface ReplicaProof {
  /** Running digest at the index that is compared; null when the replica does not know it. */
  readonly digest: string | null;
  /** The index at which the records on disk were read, and their digest, made from nothing else. */
  readonly storedIndex: number;
  readonly storedDigest: string | null;
  /** Running digest at `storedIndex`. */
  readonly runningDigest: string | null;
  /** What could not be read of the records; null when all could. */
  readonly damage: string | null;
}

export interface Replica {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly isVoter: boolean;
  /** Null when it did not answer. */
  readonly proof: ReplicaProof | null;
}

export interface Verdict {
  /** Empty when all replicas hold the same, in memory and on disk. */
  readonly reasons: readonly string[];
  /**
   * Replicas whose content is wrong, why, while a majority of voters without them holds what is right: each of
   * them can be made anew without loss. Empty when there is no such majority, for then nobody knows who is wrong.
   */
  readonly wrong: ReadonlyMap<NodeId, string>;
}

/** Compares all replicas at `index`. */
export function judge(replicas: readonly Replica[], index: number): Verdict {
  const voters = replicas.filter(({ isVoter }) => isVoter);
  const majority = Math.floor(voters.length / 2) + 1;
  const right = agreedDigest(voters, majority);
  const reasons: string[] = [];
  const faults = new Map<NodeId, string>();
  if (right === null && voters.every(({ proof }) => proof?.digest != null)) {
    reasons.push(`no majority of voters holds the same content at index ${index}`);
  }
  for (const { nodeId, name, proof } of replicas) {
    const fault = proof === null ? null : faultOf(proof, right, index);
    if (fault !== null) faults.set(nodeId, fault);
    if (fault !== null) reasons.push(`${name} ${fault}`);
    else if (proof === null) reasons.push(`${name} did not prove its content`);
    else if (proof.digest === null) reasons.push(`${name} does not know index ${index}`);
  }
  const sound = voters.filter(
    ({ nodeId, proof }) => proof?.digest === right && right !== null && !faults.has(nodeId),
  );
  return { reasons, wrong: sound.length >= majority ? faults : new Map() };
}

function agreedDigest(voters: readonly Replica[], majority: number): string | null {
  const counts = new Map<string, number>();
  for (const { proof } of voters) {
    if (proof?.digest == null) continue;
    const count = (counts.get(proof.digest) ?? 0) + 1;
    if (count >= majority) return proof.digest;
    counts.set(proof.digest, count);
  }
  return null;
}

function faultOf(proof: ReplicaProof, right: string | null, index: number): string | null {
  const { digest, storedDigest, storedIndex, runningDigest, damage } = proof;
  if (damage !== null) return `cannot read its records: ${damage}`;
  if (right !== null && digest !== null && digest !== right) {
    return `differs in content from the majority of voters at index ${index}`;
  }
  if (storedDigest !== null && runningDigest !== null && storedDigest !== runningDigest) {
    return `holds other records on disk than it applied, at index ${storedIndex}`;
  }
  return null;
}
