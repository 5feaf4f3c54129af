import { Socket } from "node:net";

/** All sockets read into the same memory, one after the other; what is read is copied out before the next one is. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** `this` is the socket. False: it does not read on until `resume`. */
export type ReadCallback = (this: Socket, sizeBytes: number, buffer: Uint8Array) => boolean;

/** Where Node.js keeps what is beneath a socket. */
interface WithHandle {
  _handle?: { useUserBuffer?: unknown } | null;
}

export function readingInto(accepted: Socket, callback: ReadCallback): Socket | null {
  const inner = accepted as WithHandle;
  const handle = inner._handle;
  if (typeof handle?.useUserBuffer !== "function") return null;
  inner._handle = null;
  return new Socket({
    handle,
    allowHalfOpen: true,
    onread: { buffer: readBuffer, callback },
  } as object);
}
