import type { Duplex } from "node:stream";

/** A peer that takes longer to close its half is cut off. As long as the broker's `lingerMs`. */
const lingerMs = 2_000;

/**
 * Writes what there is to say, half-closes and reads on for a moment, since destroying a socket with unread input resets
 * it. Then the socket is gone whatever the peer does: a half-closed one would stay, without a limit on their number.
 */
export function sayLastWords(socket: Duplex, text?: string): void {
  socket.on("error", () => {
    // It is on its way out: whatever else happens to it concerns nobody.
  });
  if (text === undefined) socket.end();
  else socket.end(text);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once("close", () => clearTimeout(timer));
}
