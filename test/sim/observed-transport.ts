import type { NodeId } from "../../cluster/node-id.ts";
import { MemoryTransport, type MemoryTransportOptions } from "../../cluster/transport/memory.ts";
import { Channel, type SendResult } from "../../cluster/transport/transport.ts";
import { decodeMessage } from "../../cluster/wire/raft-codec.ts";
import type { Facts } from "./facts.ts";
import type { LogImage } from "./observed-disk.ts";
import type { Trace } from "./trace.ts";

export interface ObservedTransportOptions extends MemoryTransportOptions {
  readonly facts: Facts;
  readonly trace: Trace;
  readonly log: LogImage;
}

/** The first byte of a raft message on the wire, after that of the group. */
const appendKind = 0;
const heartbeatKind = 2;
const termOffset = 1 + 1 + 2 * 16;

/** The memory transport, with every frame shown to the checks before it leaves. */
export class ObservedTransport extends MemoryTransport {
  readonly #observed: ObservedTransportOptions;

  constructor(options: ObservedTransportOptions) {
    super(options);
    this.#observed = options;
  }

  override send(to: NodeId, channel: Channel, frame: Uint8Array): SendResult {
    const { facts, trace, log } = this.#observed;
    trace.frame(this.nodeId, to, channel, frame);
    if (channel === Channel.raft) {
      const kind = frame[1];
      if (kind === appendKind || kind === heartbeatKind) {
        facts.leads(this.nodeId, Buffer.from(frame).readUIntBE(termOffset, 6), log);
      } else {
        facts.said(this.nodeId, decodeMessage(frame.subarray(1)));
      }
    }
    return super.send(to, channel, frame);
  }
}
