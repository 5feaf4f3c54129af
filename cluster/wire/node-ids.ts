import type { NodeId } from "../node-id.ts";

interface Known {
  readonly nodeId: NodeId;
  readonly bytes: Uint8Array;
}

export const nodeIdSizeBytes = 16;
/** More than a cluster has members; when there are more, all are forgotten and learnt again. */
const idsMax = 64;

/**
 * Ids of nodes as text and as bytes. Each message of Raft names two, and hexadecimal there and back costs more than all else in a
 * small one; text that is the same each time is also found faster in maps.
 */
export class NodeIds {
  readonly #byText = new Map<NodeId, Known>();
  /** By their first four bytes, as a signed number: ids are random. */
  readonly #byStart = new Map<number, Known>();

  bytesOf(nodeId: NodeId): Uint8Array {
    return (this.#byText.get(nodeId) ?? this.#learn(nodeId, Buffer.from(nodeId, "hex"))).bytes;
  }

  /** The id whose sixteen bytes stand in `buffer` from `position` on; the caller knows that they are there. */
  read(buffer: Buffer, position: number): NodeId {
    const known = this.#byStart.get(buffer.readInt32BE(position));
    if (known !== undefined && isAt(known.bytes, buffer, position)) return known.nodeId;
    const bytes = Buffer.from(buffer.subarray(position, position + nodeIdSizeBytes));
    return this.#learn(bytes.toString("hex"), bytes).nodeId;
  }

  #learn(nodeId: NodeId, bytes: Buffer): Known {
    if (this.#byText.size >= idsMax) {
      this.#byText.clear();
      this.#byStart.clear();
    }
    const known = { nodeId, bytes };
    this.#byText.set(nodeId, known);
    this.#byStart.set(bytes.readInt32BE(0), known);
    return known;
  }
}

function isAt(bytes: Uint8Array, buffer: Buffer, position: number): boolean {
  for (let at = 0; at < nodeIdSizeBytes; at++) {
    if (bytes[at] !== buffer[position + at]) return false;
  }
  return true;
}
