import { defaultApiSettings, type PredefinedCommand } from "../api/settings.ts";
import { option, single } from "./option.ts";
import { Expectation, parseCount, parseText } from "./values.ts";

const parseTopic = parseText(
  /^(?=.*\{device\})[^#+]{1,1024}$/,
  "a topic with {device}, such as orin/{device}/command",
);

const parseOrigin = parseText(
  /^(\*|https?:\/\/[^/\s]+)$/,
  "an origin, such as https://maps.example, or *",
);

/** "NAME" sends its own text, "NAME=PAYLOAD" the payload. */
function parseCommand(given: string): PredefinedCommand {
  const [, name = "", , payload] = /^([^=\s]{1,256})(=(.{0,4096}))?$/s.exec(given) ?? [];
  if (name === "") throw new Expectation("a command, such as dock or dock=PAYLOAD");
  return { name, payload: payload ?? name };
}

/** What the HTTP API does beyond what MQTT clients can. */
export const apiOptions = {
  commandTopic: option<string>({
    flag: "command-topic",
    env: "FLOCKMQ_COMMAND_TOPIC",
    argument: "TOPIC",
    type: "pattern",
    defaultValue: defaultApiSettings.commandTopic,
    defaultText: defaultApiSettings.commandTopic,
    zero: null,
    help: "where POST /api/commands/{device} publishes",
    reason: "Robots that are there already listen to a topic of their own.",
    parse: single(parseTopic),
  }),
  commands: option<readonly PredefinedCommand[]>({
    flag: "command",
    env: "FLOCKMQ_COMMAND",
    argument: "NAME[=PAYLOAD]",
    type: "text",
    defaultValue: defaultApiSettings.commands,
    defaultText: "tracking, slam, none",
    zero: null,
    help: "a command that the dashboard offers, and what it sends; may be given more than once",
    reason: "Other commands can be sent all the same; these are the ones a person need not type.",
    isRepeatable: true,
    parse: (texts) => texts.map(parseCommand),
  }),
  corsOrigins: option<readonly string[]>({
    flag: "cors-origin",
    env: "FLOCKMQ_CORS_ORIGIN",
    argument: "ORIGIN",
    type: "text",
    defaultValue: [],
    defaultText: "none",
    zero: null,
    help: "pages of this origin may use the HTTP API, * = of any; may be given more than once",
    reason:
      "A page from elsewhere could command robots through the browser of whoever looks at it.",
    isRepeatable: true,
    parse: (texts) => texts.map(parseOrigin),
  }),
  requestsPerSecondMax: option<number>({
    flag: "http-rate-limit",
    env: "FLOCKMQ_HTTP_RATE_LIMIT",
    argument: "N",
    type: "count",
    defaultValue: defaultApiSettings.requestsPerSecondMax,
    defaultText: "1000",
    zero: "no limit",
    help: "HTTP requests of one address per second; further ones are answered 429",
    reason: "One client that asks in a loop must not slow the messages of all others.",
    parse: single(parseCount(0, 10_000_000)),
  }),
};
