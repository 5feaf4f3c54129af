import { ClusterError } from "../errors.ts";
import { isNodeId } from "../node-id.ts";
import { invariant } from "./invariant.ts";
import type { ConfigChange, MembershipStep } from "./types.ts";

/** The first byte of an encoded change; numbers are never used again for another meaning. */
const kindLeaveJoint = 0;
const kindChange = 1;

const stepTypes = ["addVoter", "addLearner", "remove"] as const;
const nodeIdBytes = 16;
const stepBytes = 1 + nodeIdBytes;
const headBytes = 3;

/** The bytes of a configChange entry: kind, count of steps (16 bit), the steps, then the context as the rest. */
export function encodeConfigChange(change: ConfigChange): Uint8Array {
  if (change.type === "leaveJoint") {
    return Uint8Array.of(kindLeaveJoint);
  }
  invariant(change.steps.length <= 0xffff, "a change has at most 65535 steps");
  const bytes = Buffer.alloc(headBytes + change.steps.length * stepBytes + change.context.length);
  bytes[0] = kindChange;
  bytes.writeUInt16BE(change.steps.length, 1);
  let offset = headBytes;
  for (const step of change.steps) {
    invariant(isNodeId(step.nodeId), "a change names nodes by their id", { nodeId: step.nodeId });
    bytes[offset] = stepTypes.indexOf(step.type);
    bytes.write(step.nodeId, offset + 1, "hex");
    offset += stepBytes;
  }
  bytes.set(change.context, offset);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Throws ClusterError `frame-malformed`. */
export function decodeConfigChange(data: Uint8Array): ConfigChange {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  if (bytes[0] === kindLeaveJoint && bytes.length === 1) {
    return { type: "leaveJoint" };
  }
  if (bytes[0] !== kindChange || bytes.length < headBytes) {
    throw malformed("unknown kind");
  }
  const count = bytes.readUInt16BE(1);
  const contextAt = headBytes + count * stepBytes;
  if (bytes.length < contextAt) {
    throw malformed("cut off");
  }
  const steps: MembershipStep[] = [];
  for (let offset = headBytes; offset < contextAt; offset += stepBytes) {
    const type = stepTypes[bytes[offset]!];
    if (type === undefined) {
      throw malformed("unknown step");
    }
    steps.push({ type, nodeId: bytes.toString("hex", offset + 1, offset + stepBytes) });
  }
  return { type: "change", steps, context: data.subarray(contextAt) };
}

function malformed(problem: string): ClusterError {
  return new ClusterError("frame-malformed", `config change: ${problem}`);
}
