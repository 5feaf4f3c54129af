import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { sayLastWords } from "../listeners/last-words.ts";
import type { ApiContext } from "./context.ts";
import { Conversation } from "./live/conversation.ts";
import { Viewer } from "./live/viewer.ts";
import { WebSocketLine } from "./live/web-socket-line.ts";
import { coordinateWishes, type QueryText, wishesFromQuery } from "./live/wishes.ts";
import { type Admit, loginChallenge, loginNameOf } from "./login.ts";
import type { Onlooker } from "./ports.ts";
import { ApiError, type Problem, problemOf } from "./problem.ts";

/** What happens to a WebSocket once it is open. */
type Welcome = (webSocket: WebSocket, socket: Duplex) => void;

/** The WebSockets of the API: `/coordinates` and `/api/v1/live`. */
export function serveViewers(server: Server, context: ApiContext, admit: Admit): void {
  const webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: context.live.limits.requestSizeBytesMax,
    perMessageDeflate: false,
  });
  server.on("upgrade", (request, socket, head) => {
    const gone = (): void => {
      // Checking a login takes a moment; then nobody waits for the answer.
    };
    socket.on("error", gone);
    void welcomeOf(request, context, admit).then((welcome) => {
      socket.off("error", gone);
      if (socket.destroyed) return;
      if (typeof welcome === "object") refuse(socket, welcome);
      else webSockets.handleUpgrade(request, socket, head, (one) => welcome(one, socket));
    });
  });
}

async function welcomeOf(
  request: IncomingMessage,
  context: ApiContext,
  admit: Admit,
): Promise<Welcome | Problem> {
  try {
    await admit(request);
    return welcomeTo(request, context);
  } catch (error) {
    return problemOf(error);
  }
}

/** Throws ApiError for what cannot be served; the client is told so while it still speaks HTTP. */
function welcomeTo(request: IncomingMessage, context: ApiContext): Welcome {
  const [path = "", search = ""] = (request.url ?? "").split("?", 2);
  const query = queryOf(search);
  const { live } = context;
  const onlooker = { username: loginNameOf(request) };
  if (path === "/coordinates") {
    const wishes = coordinateWishes(query, live.limits);
    return (webSocket, socket) => {
      const viewer = attend(new WebSocketLine(webSocket, socket), context, onlooker);
      viewer?.followCoordinates(wishes);
    };
  }
  if (path === "/api/v1/live") {
    // Wishes may stand in the address, too; then the first message need not say them.
    const wishes = query.size > 0 ? wishesFromQuery(query, live.limits) : null;
    return (webSocket, socket) => {
      const line = new WebSocketLine(webSocket, socket);
      const viewer = attend(line, context, onlooker);
      if (viewer === null) return;
      const conversation = new Conversation(viewer, line, live.limits);
      if (wishes !== null) conversation.begin(wishes);
    };
  }
  throw new ApiError(404, "unknown-path", `no WebSocket at ${path.slice(0, 200)}`);
}

function attend(line: WebSocketLine, { live }: ApiContext, onlooker: Onlooker): Viewer | null {
  const viewer = new Viewer(live, line, onlooker);
  return live.audience.add(line, () => viewer.leave()) ? viewer : null;
}

function queryOf(search: string): QueryText {
  const query = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(search)) {
    const values = query.get(name);
    if (values === undefined) query.set(name, [value]);
    else values.push(value);
  }
  return query;
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
