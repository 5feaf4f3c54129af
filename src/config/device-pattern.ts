import { Expectation, parseChoice, parseSeconds, parseText } from "./values.ts";

/** A topic whose messages are device state, and how they are kept. */
export interface DevicePattern {
  readonly topic: string;
  readonly json: "merge" | "replace" | "raw";
  /** 0 = attributes stay. */
  readonly ttlSeconds: number;
}

const parseTopic = parseText(
  /^(?=.*\{device\})(?=.*\{attribute\})[^#+]{1,1024}$/,
  "a topic with {device} and {attribute} as levels, such as sensors/{device}/{attribute}",
);
const parseJson = parseChoice(["merge", "replace", "raw"] as const);
const parseTtl = parseSeconds(0, 315_360_000);

/** `TOPIC[;json=merge|replace|raw][;ttl=TIME]`. */
export function parseDevicePattern(text: string): DevicePattern {
  const [topic = "", ...settings] = text.split(";");
  const pattern = {
    topic: parseTopic(topic),
    json: "merge" as DevicePattern["json"],
    ttlSeconds: 0,
  };
  for (const setting of settings) {
    const [name, value = ""] = setting.trim().split("=");
    if (name === "json") pattern.json = parsed("json", parseJson, value);
    else if (name === "ttl") pattern.ttlSeconds = parsed("ttl", parseTtl, value);
    else throw new Expectation("json=merge|replace|raw or ttl=TIME behind the topic");
  }
  return pattern;
}

/** As an item of `devices` in a configuration file; null when it has other fields. */
export function devicePatternText(item: Readonly<Record<string, unknown>>): string | null {
  const { pattern, json, ttl, ...others } = item;
  if (typeof pattern !== "string" || Object.keys(others).length > 0) return null;
  const settings = Object.entries({ json, ttl }).filter(([, value]) => value !== undefined);
  return [pattern, ...settings.map(([name, value]) => `${name}=${String(value)}`)].join(";");
}

function parsed<T>(name: string, parse: (text: string) => T, text: string): T {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof Expectation) throw new Expectation(`${name}= ${error.message}`);
    throw error;
  }
}
