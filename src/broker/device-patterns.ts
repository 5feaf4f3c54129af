import { isUtf8 } from "node:buffer";
import type { ApplicationMessage } from "../mqtt/message.ts";
import { replicaLimits } from "../replica/limits.ts";
import type { AttributeUpdate } from "../replica/replica-api.ts";
import { bytesField, isStateValue } from "../replica/state-value.ts";

const devicePlaceholder = "{device}";
const attributePlaceholder = "{attribute}";
const patternsMax = 100;

/** How the payloads of one pattern are kept. */
export interface PatternOptions {
  /** "merge": the fields of a JSON object join those that are there; "replace": they take their place; "raw": payloads are text. */
  readonly json: "merge" | "replace" | "raw";
  /** An attribute that is not written again for so long goes; 0 = it stays. */
  readonly ttlSeconds: number;
}

export interface DevicePattern extends PatternOptions {
  readonly topic: string;
}

interface Pattern extends PatternOptions {
  readonly levels: readonly string[];
  readonly deviceIndex: number;
  readonly attributeIndex: number;
  /** What every matching topic begins with; turns most other topics away at once. */
  readonly prefix: string;
}

export interface AttributeName {
  readonly device: string;
  readonly attribute: string;
}

/** Topics that carry device state, such as `sensors/{device}/{attribute}`, and how their payloads are read. */
export class CompiledPatterns {
  readonly #patterns: readonly Pattern[];
  #tooLarge = 0;
  #invalidJson = 0;
  #notUtf8 = 0;

  constructor(patterns: readonly Pattern[]) {
    this.#patterns = patterns;
  }

  metrics(): ReadonlyMap<string, number> {
    return new Map([
      ["device_payloads_too_large", this.#tooLarge],
      ["device_payloads_invalid_json", this.#invalidJson],
      ["device_payloads_not_utf8", this.#notUtf8],
    ]);
  }

  /** The first pattern that matches decides. */
  match(topic: string): AttributeName | null {
    return this.#find(topic)?.name ?? null;
  }

  /**
   * Null when the topic carries no device state or the payload is too large to be kept. A JSON object merges into the object that the
   * attribute holds, unless the pattern says otherwise; an empty payload (value undefined) removes the attribute, as it clears a
   * retained message.
   */
  updateFrom(topic: string, message: Pick<ApplicationMessage, "payload">): AttributeUpdate | null {
    const found = this.#find(topic);
    if (found === null) return null;
    const { payload } = message;
    if (payload.length > replicaLimits.valueSizeBytesMax) {
      this.#tooLarge++;
      return null;
    }
    const { name, pattern } = found;
    const { device, attribute } = name;
    const update = { device, attribute, value: this.#valueOf(payload, pattern.json === "raw") };
    if (pattern.ttlSeconds === 0 && pattern.json !== "replace") return update;
    const ttl = pattern.ttlSeconds === 0 ? {} : { ttlSeconds: pattern.ttlSeconds };
    const replacing = pattern.json === "replace" ? { isReplacing: true as const } : {};
    return { ...update, ...ttl, ...replacing };
  }

  #find(topic: string): { readonly name: AttributeName; readonly pattern: Pattern } | null {
    for (const pattern of this.#patterns) {
      const name = topic.startsWith(pattern.prefix) ? matchLevels(pattern, topic) : null;
      if (name !== null) return { name, pattern };
    }
    return null;
  }

  /**
   * JSON where the payload is JSON that keeps its meaning (a number outside the range of a double does not), else text, else, for
   * bytes that are no UTF-8, `{"$base64": "..."}`. Undefined for an empty payload.
   */
  #valueOf(payload: Buffer, isRaw: boolean): unknown {
    if (payload.length === 0) return undefined;
    const text = decodeText(payload);
    if (text === null) {
      this.#notUtf8++;
      return { [bytesField]: payload.toString("base64") };
    }
    if (isRaw || !mayBeJson(text)) return text;
    try {
      const value: unknown = JSON.parse(text);
      if (isStateValue(value)) return value;
    } catch {
      // Text that only looks like JSON is text.
    }
    if (isMeantAsJson(text)) this.#invalidJson++;
    return text;
  }
}

/**
 * Throws RangeError for a pattern that is not a topic with `{device}` and `{attribute}` once each, as whole levels. A topic alone
 * merges JSON and never expires.
 */
export function compilePatterns(patterns: readonly (string | DevicePattern)[]): CompiledPatterns {
  if (patterns.length > patternsMax) {
    throw new RangeError(`at most ${patternsMax} device patterns, not ${patterns.length}`);
  }
  return new CompiledPatterns(
    patterns.map((pattern) =>
      typeof pattern === "string"
        ? compilePattern({ topic: pattern, json: "merge", ttlSeconds: 0 })
        : compilePattern(pattern),
    ),
  );
}

function compilePattern({ topic: text, json, ttlSeconds }: DevicePattern): Pattern {
  const levels = text.split("/");
  const deviceIndex = placeOf(devicePlaceholder, levels, text);
  const attributeIndex = placeOf(attributePlaceholder, levels, text);
  const isLiteral = (level: string, index: number): boolean =>
    index === deviceIndex || index === attributeIndex || !/[+#{}\0]/.test(level);
  if (!levels.every(isLiteral)) {
    throw new RangeError(`the device pattern "${text}" may have no wildcard or other placeholder`);
  }
  const first = Math.min(deviceIndex, attributeIndex);
  const prefix = levels
    .slice(0, first)
    .map((level) => `${level}/`)
    .join("");
  return { levels, deviceIndex, attributeIndex, prefix, json, ttlSeconds };
}

function placeOf(placeholder: string, levels: readonly string[], text: string): number {
  const index = levels.indexOf(placeholder);
  if (index < 0 || levels.lastIndexOf(placeholder) !== index) {
    throw new RangeError(
      `the device pattern "${text}" needs ${placeholder} once, as a whole level`,
    );
  }
  return index;
}

/** Level by level, without a list of them: nearly every message is looked at. */
function matchLevels(pattern: Pattern, topic: string): AttributeName | null {
  const { levels, deviceIndex, attributeIndex } = pattern;
  let device = "";
  let attribute = "";
  let start = 0;
  for (let index = 0; index < levels.length; index++) {
    const slash = topic.indexOf("/", start);
    const isLast = index === levels.length - 1;
    if (isLast !== slash < 0) return null;
    const end = isLast ? topic.length : slash;
    if (index === deviceIndex) device = topic.slice(start, end);
    else if (index === attributeIndex) attribute = topic.slice(start, end);
    else if (!isLevel(levels[index]!, topic, start, end)) return null;
    start = end + 1;
  }
  return device === "" || attribute === "" ? null : { device, attribute };
}

function isLevel(level: string, topic: string, start: number, end: number): boolean {
  return level.length === end - start && topic.startsWith(level, start);
}

/** Looks first, because the exception of a decoder costs more than all the rest of a message. */
function decodeText(payload: Buffer): string | null {
  return isUtf8(payload) ? payload.toString("utf8") : null;
}

/** A cheap look before `JSON.parse`, whose exceptions cost more than all the rest. */
function mayBeJson(text: string): boolean {
  return /^[\t\n\r ]*(?:[{["\d-]|true|false|null)/.test(text);
}

/** An object or array that is cut off, say; a bare word or a date is no mistake. */
function isMeantAsJson(text: string): boolean {
  return /^[\t\n\r ]*[{[]/.test(text);
}
