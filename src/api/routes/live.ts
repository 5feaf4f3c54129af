import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ApiContext } from "../context.ts";
import { subscribedPacket } from "../live/conversation.ts";
import { EventStreamLine } from "../live/event-stream-line.ts";
import { Viewer } from "../live/viewer.ts";
import { type QueryText, wishesFromQuery } from "../live/wishes.ts";
import { loginNameOf } from "../login.ts";
import { operation } from "../operation.ts";
import { ApiError } from "../problem.ts";

const interval = {
  type: "string",
  description: "Shortest milliseconds between two looks at what is new, 50 to 60000",
} as const;

const sockets = {
  "/coordinates": operation({
    id: "watchCoordinates",
    tag: "live",
    summary: "WebSocket: where devices are, as they move",
    description:
      "Upgrade to a WebSocket; JSON arrays as `GET /api/coordinates` answers, then changes.",
    querystring: {
      type: "object",
      properties: {
        interval,
        devices: { type: "string", description: "Identifiers, by commas" },
        gone: { type: "string", description: "`true`: devices without a position any more, too" },
      },
    },
    answers: { 101: { description: "A WebSocket", type: "null" } },
    problems: [426],
  }),
  "/api/v1/live": operation({
    id: "watchLive",
    tag: "live",
    summary: "WebSocket: devices, messages, the cluster and figures, as the viewer asks",
    description: "Upgrade to a WebSocket, then say what is wanted: see the documentation.",
    answers: { 101: { description: "A WebSocket", type: "null" } },
    problems: [426],
  }),
};

const texts = { anyOf: [{ type: "string" }, { type: "array", items: { type: "string" } }] };

const eventsSchema = operation({
  id: "streamLive",
  tag: "live",
  summary: "The same as server-sent events",
  querystring: {
    type: "object",
    properties: {
      devices: { ...texts, description: "`true`, or identifiers by commas" },
      where: { ...texts, description: "Of all devices those that the expression is true for" },
      messages: { ...texts, description: "Topic filters; may stand several times" },
      cluster: { ...texts, description: "`true` or `false`" },
      stats: { ...texts, description: "`true` or `false`" },
      interval: { ...texts, description: interval.description },
      resume: { ...texts, description: "The newest token; as the header `Last-Event-ID`" },
    },
  },
  answers: {
    200: {
      description: "Goes on until the viewer leaves",
      content: { "text/event-stream": { schema: { type: "string" } } },
    },
  },
});

/** Plain GETs of what are WebSockets, and the same news as server-sent events. */
export function registerLive(app: FastifyInstance, context: ApiContext): void {
  for (const [path, schema] of Object.entries(sockets)) {
    app.get(path, { schema }, async (_request, reply) => {
      reply.header("upgrade", "websocket");
      throw new ApiError(426, "upgrade-required", `${path} is a WebSocket`);
    });
  }

  const { live } = context;
  app.get("/api/v1/live/events", { schema: eventsSchema }, async (request, reply) => {
    const wishes = wishesFromQuery(queryOf(request), live.limits);
    const { "last-event-id": lastEventId } = request.headers;
    const resume = typeof lastEventId === "string" ? lastEventId : wishes.resume;
    if (!live.audience.hasRoom()) {
      throw new ApiError(503, "overloaded", "too many viewers; another node may have room");
    }
    const line = new EventStreamLine(reply.raw);
    const viewer = new Viewer(live, line, { username: loginNameOf(request.raw) });
    // What it refuses is an ordinary answer: nothing was sent yet.
    const whenLive = viewer.follow({ ...wishes, resume });
    reply.hijack();
    line.open();
    if (!live.audience.add(line, () => viewer.leave())) {
      viewer.leave();
      return;
    }
    await whenLive;
    if (line.isOpen) line.send(subscribedPacket(wishes));
  });
}

function queryOf({ query }: FastifyRequest): QueryText {
  const entries = Object.entries(query as Record<string, string | string[]>);
  return new Map(entries.map(([name, value]) => [name, [value].flat()]));
}
