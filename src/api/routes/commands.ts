import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { operation } from "../operation.ts";
import { answerOf, count, strictObject, text } from "../schemas/common.ts";

interface CommandRequest {
  readonly Params: { readonly id: string };
  readonly Body: { readonly command: string };
}

const sendSchema = operation({
  id: "sendCommand",
  tag: "commands",
  summary: "Send a command to a device",
  params: strictObject(
    {
      // One topic level without wildcards, since it becomes part of a topic name.
      id: { type: "string", minLength: 1, maxLength: 256, pattern: "^[^/+#\\u0000]+$" },
    },
    ["id"],
  ),
  body: {
    type: "object",
    required: ["command"],
    properties: { command: { type: "string", minLength: 1, maxLength: 4096 } },
  },
  answers: {
    200: answerOf("Published", { deviceId: text, command: text, topic: text, delivered: count }),
  },
});

/** Sends a command to a device: the command's text to `orin/{id}/command` at QoS 1, not retained. */
export function registerCommands(app: FastifyInstance, { node }: ApiContext): void {
  app.post<CommandRequest>("/api/commands/:id", { schema: sendSchema }, async (request) => {
    const { id } = request.params;
    const { command } = request.body;
    const topic = `orin/${id}/command`;
    const payload = Buffer.from(command, "utf8");
    const { matched } = await node.publish({ topic, payload, qos: 1, retain: false });
    return { deviceId: id, command, topic, delivered: matched };
  });
}
