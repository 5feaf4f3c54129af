import { Socket } from "node:net";
import { defaultBrokerLimits } from "../broker/limits.ts";

/** All sockets read into this memory, one after the other. */
const readBuffer = Buffer.allocUnsafeSlow(defaultBrokerLimits.readSizeBytes);

/** Takes what the socket `this` has read; `buffer` is used again at once. False: the socket is not read until its `resume`. */
export type ReadCallback = (this: Socket, sizeBytes: number, buffer: Buffer) => boolean;

/** What is beneath a socket. */
interface SocketInside {
  _handle?: { readonly useUserBuffer?: unknown } | null;
}

/**
 * The socket in place of `accepted`, which must not have been read from (`pauseOnConnect`): it gives what it reads to `callback` and has
 * no `data` events. Null where this Node.js has no such way; `accepted` is then as it was.
 *
 * By itself a socket that was accepted makes a buffer of 64 KiB for each read and cuts it to size, which costs more than reading a
 * packet does. The option against it, `onread`, is a public one of sockets that dial out; to give it to an accepted one, what is
 * beneath it moves to a new socket, by names that Node.js does not promise (docs/decisions/0017-read-buffer.md).
 */
export function readingInto(accepted: Socket, callback: ReadCallback): Socket | null {
  const inside = accepted as SocketInside;
  const handle = inside._handle;
  if (typeof handle?.useUserBuffer !== "function") return null;
  inside._handle = null;
  // With nothing beneath it, it only tells its server that there is one socket less to wait for.
  accepted.destroy();
  const options = { handle, allowHalfOpen: true, onread: { buffer: readBuffer, callback } };
  return new Socket(options as object);
}
