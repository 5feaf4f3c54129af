import type { NodeId } from "../../cluster/node-id.ts";
import type { Message } from "../../cluster/raft/messages.ts";
import { MemoryTransport, type MemoryTransportOptions } from "../../cluster/transport/memory.ts";
import {
  Channel,
  type SendResult,
  type Transport,
  type TransportHandlers,
} from "../../cluster/transport/transport.ts";
import { decodeMessage } from "../../cluster/wire/raft-codec.ts";
import type { Facts } from "./facts.ts";
import type { LogImage } from "./log-image.ts";
import type { RaftWeather } from "./raft-weather.ts";
import type { SpeakerRules } from "./speaker-rules.ts";
import type { Trace } from "./trace.ts";

export interface ObservedTransportOptions extends MemoryTransportOptions {
  readonly facts: Facts;
  readonly trace: Trace;
  readonly log: LogImage;
  readonly rules: SpeakerRules;
  readonly raftWeather: RaftWeather;
}

type HelloOf = Parameters<Transport["start"]>[1];

/** The first byte of a raft message on the wire, after that of the group. */
const appendKind = 0;
const appendResponseKind = 1;
const heartbeatKind = 2;
const heartbeatResponseKind = 3;
const termOffset = 1 + 1 + 2 * 16;
const indexSizeBytes = 6;
/** In the answer to an append; behind it stands whether the append was refused. */
const answerOffset = termOffset + indexSizeBytes;
/** In an append, behind term, previous index and previous term; a heartbeat tells only what its receiver holds. */
const commitOffset = termOffset + 3 * indexSizeBytes;
/** In a heartbeat, behind term and commit index; 0: it asks for no read. */
const readContextOffset = termOffset + 2 * indexSizeBytes;

/** The memory transport, with every frame shown to the checks before it leaves. */
export class ObservedTransport extends MemoryTransport {
  readonly #observed: ObservedTransportOptions;

  constructor(options: ObservedTransportOptions) {
    super(options);
    this.#observed = options;
  }

  override start(handlers: TransportHandlers, hello: HelloOf): Promise<void> {
    const { rules } = this.#observed;
    const onFrame: TransportHandlers["onFrame"] = (from, channel, frame) => {
      if (channel === Channel.raft) {
        const isLeaderWord = frame[1] === appendKind || frame[1] === heartbeatKind;
        rules.heard(from, isLeaderWord ? readIndex(frame, termOffset) : 0, isLeaderWord);
      }
      handlers.onFrame(from, channel, frame);
    };
    const onLink: TransportHandlers["onLink"] = (event) => {
      if (event.type === "down") rules.linkDown(event.nodeId);
      handlers.onLink(event);
    };
    return super.start({ ...handlers, onFrame, onLink }, hello);
  }

  override send(to: NodeId, channel: Channel, frame: Uint8Array): SendResult {
    const { facts, trace, log, raftWeather, rules } = this.#observed;
    trace.frame(this.nodeId, to, channel, frame);
    if (channel === Channel.raft) {
      const kind = frame[1];
      if (kind === appendKind || kind === heartbeatKind) {
        const term = readIndex(frame, termOffset);
        facts.leads(this.nodeId, term, log);
        rules.leads(term, kind === appendKind ? readIndex(frame, commitOffset) : null);
        if (kind === heartbeatKind && readIndex(frame, readContextOffset) > 0) rules.reads(term);
      } else {
        const message = readAnswer(this.nodeId, to, frame) ?? decodeMessage(frame.subarray(1));
        facts.said(this.nodeId, message);
        rules.said(message);
      }
      if (!raftWeather.isCalm) {
        return raftWeather.send(frame, (one) => super.send(to, channel, one));
      }
    }
    return super.send(to, channel, frame);
  }
}

/** What of an answer the checks must know; null: it is none. There are more of them than of all other messages. */
function readAnswer(from: NodeId, to: NodeId, frame: Uint8Array): Message | null {
  const kind = frame[1];
  if (kind !== appendResponseKind && kind !== heartbeatResponseKind) return null;
  const term = readIndex(frame, termOffset);
  if (kind === heartbeatResponseKind) {
    return { type: "heartbeatResponse", from, to, term, readContext: 0 };
  }
  const index = readIndex(frame, answerOffset);
  const rejected = frame[answerOffset + indexSizeBytes] === 1;
  return { type: "appendResponse", from, to, term, index, rejected, hintIndex: 0, hintTerm: 0 };
}

/** Indexes and terms have 48 bits. */
function readIndex(frame: Uint8Array, offset: number): number {
  let value = 0;
  for (let at = offset; at < offset + indexSizeBytes; at++) value = value * 256 + (frame[at] ?? 0);
  return value;
}
