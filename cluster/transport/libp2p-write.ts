import type { MessageStream } from "@libp2p/interface";

/**
 * Lets everything handed to a connection at once leave in one write. libp2p's TCP makes a write of its own of each piece of a
 * list, and an encrypted frame is a list of four: length, header, content, tag. Four system calls and packets here, and up
 * to four wake-ups of the peer; the copy costs less than one of them.
 */
export function writeWhole(connection: MessageStream): void {
  const send = connection.send.bind(connection);
  connection.send = (data) => send(data instanceof Uint8Array ? data : data.subarray());
}
