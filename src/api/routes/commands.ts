import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";

interface CommandRequest {
  readonly Params: { readonly id: string };
  readonly Body: { readonly command: string };
}

const schema = {
  params: {
    type: "object",
    // One topic level without wildcards, since it becomes part of a topic name.
    properties: {
      id: { type: "string", minLength: 1, maxLength: 256, pattern: "^[^/+#\\u0000]+$" },
    },
  },
  body: {
    type: "object",
    required: ["command"],
    properties: { command: { type: "string", minLength: 1, maxLength: 4096 } },
  },
} as const;

/** Sends a command to a device: the command's text to `orin/{id}/command` at QoS 1, not retained. */
export function registerCommands(app: FastifyInstance, { node }: ApiContext): void {
  app.post<CommandRequest>("/api/commands/:id", { schema }, async (request) => {
    const { id } = request.params;
    const { command } = request.body;
    const topic = `orin/${id}/command`;
    const payload = Buffer.from(command, "utf8");
    const { matched } = await node.publish({ topic, payload, qos: 1, retain: false });
    return { deviceId: id, command, topic, delivered: matched };
  });
}
