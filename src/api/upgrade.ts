import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { sayLastWords } from "../listeners/last-words.ts";
import type { ApiContext } from "./context.ts";
import { type Admit, loginChallenge } from "./login.ts";
import { ApiError, type Problem, problemOf } from "./problem.ts";

/** Viewers have nothing to say. */
const messageSizeBytesMax = 1024;

/** The one WebSocket of the API: viewers of `/coordinates`. */
export function serveViewers(server: Server, { feed }: ApiContext, admit: Admit): void {
  const webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: messageSizeBytesMax,
    perMessageDeflate: false,
  });
  server.on("upgrade", (request, socket, head) => {
    const gone = (): void => {
      // Checking a login takes a moment; then nobody waits for the answer.
    };
    socket.on("error", gone);
    void refusalOf(request, admit).then((refusal) => {
      socket.off("error", gone);
      if (socket.destroyed) return;
      if (refusal !== null) refuse(socket, refusal);
      else webSockets.handleUpgrade(request, socket, head, (viewer) => feed.add(viewer));
    });
  });
}

async function refusalOf(request: IncomingMessage, admit: Admit): Promise<Problem | null> {
  const path = (request.url ?? "").split("?")[0] ?? "";
  try {
    await admit(request);
    if (path !== "/coordinates") {
      throw new ApiError(404, "unknown-path", `no WebSocket at ${path.slice(0, 200)}`);
    }
    return null;
  } catch (error) {
    return problemOf(error);
  }
}

/** The socket has left the HTTP server's care, so the answer is written by hand. */
function refuse(socket: Duplex, refusal: Problem): void {
  const body = JSON.stringify(refusal);
  sayLastWords(
    socket,
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ""}\r\n` +
      "content-type: application/problem+json\r\nconnection: close\r\n" +
      (refusal.status === 401 ? `www-authenticate: ${loginChallenge}\r\n` : "") +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
