import { isUtf8 } from "node:buffer";
import type { FastifyInstance } from "fastify";
import { topicNameProblem } from "../../mqtt/topic.ts";
import type { ApiContext } from "../context.ts";
import { commandWaitMs } from "../limits.ts";
import { operation } from "../operation.ts";
import type { NodePort, PublishRequest, PublishResult, Reply } from "../ports.ts";
import { ApiError } from "../problem.ts";
import {
  answerOf,
  count,
  listOf,
  objectOf,
  orNull,
  strictObject,
  text,
} from "../schemas/common.ts";

interface CommandBody {
  readonly command: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
}

interface CommandRequest {
  readonly Params: { readonly id: string };
  readonly Querystring: { readonly wait: number };
  readonly Body: CommandBody;
}

const responseSchema = objectOf({
  text: { ...orNull(text), description: "The payload, where it is UTF-8" },
  payload: { type: "string", contentEncoding: "base64" },
  contentType: orNull(text),
});

const answerProperties = {
  deviceId: text,
  command: text,
  topic: text,
  delivered: { ...count, description: "Subscribers here, and other nodes that have some" },
  delivery: {
    type: "string",
    enum: ["delivered", "queued", "nobody"],
    description: "queued: only for sessions that are away",
  },
} as const;

const schemas = {
  list: operation({
    id: "listCommands",
    tag: "commands",
    summary: "Commands that are known by name, and where they go",
    answers: {
      200: answerOf("As configured", {
        topic: { ...text, description: "`{device}` is the device" },
        commands: listOf(objectOf({ name: text, payload: text })),
      }),
    },
  }),
  send: operation({
    id: "sendCommand",
    tag: "commands",
    summary: "Send a command to a device, and wait for its answer if asked to",
    description:
      "At QoS 1, not retained. A predefined command sends its payload, any other its own text; with `parameters` a JSON " +
      "object with `command` and the parameters. With `wait` the message has a Response Topic and Correlation Data (MQTT 5), " +
      "and `response` is what the device published there, null when nothing came in time.",
    params: strictObject(
      {
        // One topic level without wildcards, since it becomes part of a topic name.
        id: { type: "string", minLength: 1, maxLength: 256, pattern: "^[^/+#\\u0000]+$" },
      },
      ["id"],
    ),
    querystring: {
      type: "object",
      properties: {
        wait: {
          type: "integer",
          minimum: 0,
          maximum: commandWaitMs,
          default: 0,
          description: "Milliseconds to wait for an answer",
        },
      },
    },
    // As before, fields that are not known are let pass: what robot-tracking systems send has more of them.
    body: {
      type: "object",
      required: ["command"],
      properties: {
        command: { type: "string", minLength: 1, maxLength: 4096 },
        parameters: { type: "object" },
      },
    },
    answers: {
      200: {
        ...objectOf(answerProperties),
        description: "Published",
        properties: { ...answerProperties, response: orNull(responseSchema) },
      },
    },
  }),
};

export function registerCommands(app: FastifyInstance, { node, settings }: ApiContext): void {
  const { commandTopic, commands } = settings;
  const predefined = new Map(commands.map(({ name, payload }) => [name, payload]));
  app.get("/api/v1/commands", { schema: schemas.list }, async () => ({
    topic: commandTopic,
    commands,
  }));

  app.post<CommandRequest>("/api/commands/:id", { schema: schemas.send }, async (request) => {
    const { id } = request.params;
    const { command } = request.body;
    const topic = commandTopic.replaceAll("{device}", () => id);
    const problem = topicNameProblem(topic);
    if (problem !== null) throw new ApiError(400, "topic-invalid", `params/id: ${problem}`);
    const payload = payloadOf(request.body, predefined);
    const message: PublishRequest = { topic, payload, qos: 1, retain: false };
    const { wait } = request.query;
    if (wait === 0) return bodyOf(id, command, topic, await node.publish(message));
    const { result, reply } = await ask(node, message, wait);
    const response = reply === null ? null : responseOf(reply);
    return { ...bodyOf(id, command, topic, result), response };
  });
}

function bodyOf(deviceId: string, command: string, topic: string, result: PublishResult): object {
  const { matched, delivery } = result;
  return { deviceId, command, topic, delivered: matched, delivery };
}

function payloadOf(
  { command, parameters }: CommandBody,
  predefined: ReadonlyMap<string, string>,
): Buffer {
  const body =
    parameters === undefined
      ? (predefined.get(command) ?? command)
      : JSON.stringify({ command, ...parameters });
  return Buffer.from(body, "utf8");
}

/** Nobody is waited for where nobody is. */
async function ask(
  node: NodePort,
  message: PublishRequest,
  waitMs: number,
): Promise<{ readonly result: PublishResult; readonly reply: Reply | null }> {
  const wait = await node.awaitReply();
  try {
    const properties = { responseTopic: wait.topic, correlationData: wait.correlation };
    const result = await node.publish({ ...message, properties });
    const reply = result.delivery === "nobody" ? null : await wait.reply(waitMs);
    return { result, reply };
  } finally {
    wait.cancel();
  }
}

function responseOf({ payload, properties }: Reply): object {
  return {
    text: isUtf8(payload) ? payload.toString("utf8") : null,
    payload: payload.toString("base64"),
    contentType: properties?.contentType ?? null,
  };
}
