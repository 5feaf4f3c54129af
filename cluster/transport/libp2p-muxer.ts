import { yamux } from "@chainsafe/libp2p-yamux";
import {
  piecesPerStreamWindow,
  streamsPerConnectionMax,
  streamUnreadSizeBytesMax,
  streamWindowSizeBytesMax,
  streamWindowStartSizeBytes,
} from "../limits.ts";
import { WindowCredit } from "./window-credit.ts";

type MuxerFactory = ReturnType<typeof yamux>;

const options = {
  // Measures the round trip, from which yamux derives its window; liveness is the member driver's matter.
  enableKeepAlive: true,
  keepAliveInterval: 30_000,
  maxInboundStreams: streamsPerConnectionMax,
  maxOutboundStreams: streamsPerConnectionMax,
  maxEarlyStreams: streamsPerConnectionMax,
  streamOptions: {
    initialStreamWindowSize: streamWindowStartSizeBytes,
    maxStreamWindowSize: streamWindowSizeBytesMax,
    maxReadBufferLength: streamUnreadSizeBytesMax,
    // A stream may be silent for as long as its link lives.
    inactivityTimeout: Number.MAX_SAFE_INTEGER,
  },
};

/**
 * Yamux with fewer window updates, and except that writing to a connection that has just closed is no exception. Yamux
 * opens a stream in a microtask of its own, and when the connection ends in between, what it throws there reaches nobody and
 * would end the process. The stream hears of the end of the connection anyway.
 */
export function muxer(): MuxerFactory {
  const create = yamux(options);
  return (...components) => {
    const factory = create(...components);
    const createStreamMuxer: typeof factory.createStreamMuxer = (connection) => {
      const created = factory.createStreamMuxer(connection) as ReturnType<
        typeof factory.createStreamMuxer
      > & { send(data: unknown): boolean };
      const send = created.send.bind(created);
      const pieceSizeBytesOf = (streamId: number): number => {
        const stream = created.streams.find((each) => each.streamId === streamId);
        // Private to yamux, which the brackets may read.
        return (stream?.["recvWindow"] ?? streamWindowStartSizeBytes) / piecesPerStreamWindow;
      };
      const credit = new WindowCredit(pieceSizeBytesOf, streamsPerConnectionMax);
      created.send = (data) => {
        try {
          if (!(data instanceof Uint8Array)) return send(data);
          return credit
            .replace(data)
            .reduce((isWritable, frame) => send(frame) && isWritable, true);
        } catch (error) {
          if (isWriteAfterClose(error)) return false;
          throw error;
        }
      };
      return created;
    };
    return { protocol: factory.protocol, createStreamMuxer } as typeof factory;
  };
}

/** libp2p's word for writing to a stream or connection whose end it has not told its writers yet. */
export function isWriteAfterClose(error: unknown): boolean {
  return error instanceof Error && error.name === "StreamStateError";
}
