/**
 * Topic names and filters: section 4.7 (wildcards, `$` topics) and 4.8.2 (shared subscriptions).
 */

/**
 * A topic may have this many levels unless the caller says otherwise; a bound for every tree built
 * from topics.
 */
export const TOPIC_LEVELS_MAX = 128;

/** UTF-8 bytes, from the two byte length in front of every string [MQTT-4.7.3-3]. */
export const TOPIC_SIZE_BYTES_MAX = 65_535;

const SHARE_PREFIX = "$share/";

export interface SharedFilter {
  readonly shareName: string;
  /** The ordinary filter behind the share name. */
  readonly filter: string;
}

/** Why a topic name is not acceptable in a PUBLISH or Will, or null when it is. */
export function topicNameProblem(topic: string, levelsMax = TOPIC_LEVELS_MAX): string | null {
  // [MQTT-3.3.2-2] and [MQTT-4.7.1-1]: wildcards belong in filters only.
  if (topic.includes("+") || topic.includes("#")) return "a topic name has no wildcards";
  return textProblem(topic, levelsMax);
}

export function isValidTopicName(topic: string, levelsMax = TOPIC_LEVELS_MAX): boolean {
  return topicNameProblem(topic, levelsMax) === null;
}

/** Why a topic filter, shared or not, is not acceptable, or null when it is. */
export function topicFilterProblem(filter: string, levelsMax = TOPIC_LEVELS_MAX): string | null {
  const problem = textProblem(filter, levelsMax);
  if (problem !== null) return problem;
  if (!isSharedFilter(filter)) return wildcardProblem(filter);
  const shared = parseSharedFilter(filter);
  // [MQTT-4.8.2-1] and [MQTT-4.8.2-2]
  if (shared === null) return "a shared filter is $share/{ShareName}/{filter}";
  return wildcardProblem(shared.filter);
}

export function isValidTopicFilter(filter: string, levelsMax = TOPIC_LEVELS_MAX): boolean {
  return topicFilterProblem(filter, levelsMax) === null;
}

/** True for every filter whose first level is `$share`, well formed or not. */
export function isSharedFilter(filter: string): boolean {
  return filter.startsWith(SHARE_PREFIX) || filter === "$share";
}

/** The two parts of `$share/{ShareName}/{filter}`, or null for an ordinary or misshapen filter. */
export function parseSharedFilter(filter: string): SharedFilter | null {
  if (!filter.startsWith(SHARE_PREFIX)) return null;
  const slash = filter.indexOf("/", SHARE_PREFIX.length);
  // [MQTT-4.8.2-1] at least one character; [MQTT-4.8.2-2] a "/" and a filter behind it.
  if (slash <= SHARE_PREFIX.length || slash === filter.length - 1) return null;
  const shareName = filter.slice(SHARE_PREFIX.length, slash);
  if (shareName.includes("+") || shareName.includes("#")) return null;
  return { shareName, filter: filter.slice(slash + 1) };
}

/**
 * Does an ordinary filter (strip `$share/...` first) match a topic name? Both must be valid.
 * Allocates nothing. [MQTT-4.7.3-4] compares code points, without normalization.
 */
export function matches(filter: string, topic: string): boolean {
  // [MQTT-4.7.2-1] A filter that starts with a wildcard matches no topic that starts with "$".
  if (topic.charCodeAt(0) === DOLLAR && isWildcard(filter.charCodeAt(0))) return false;
  let filterAt = 0;
  let topicAt = 0;
  while (filterAt < filter.length) {
    const code = filter.charCodeAt(filterAt);
    if (code === HASH) return true;
    if (code === PLUS) {
      filterAt += 1;
      while (topicAt < topic.length && topic.charCodeAt(topicAt) !== SLASH) topicAt += 1;
    } else if (topicAt < topic.length && topic.charCodeAt(topicAt) === code) {
      filterAt += 1;
      topicAt += 1;
    } else {
      // "sport/#" also matches its parent "sport" (section 4.7.1.2).
      return topicAt === topic.length && isParentTail(filter, filterAt);
    }
  }
  return topicAt === topic.length;
}

const HASH = 0x23;
const DOLLAR = 0x24;
const PLUS = 0x2b;
const SLASH = 0x2f;

function isWildcard(code: number): boolean {
  return code === HASH || code === PLUS;
}

function isParentTail(filter: string, at: number): boolean {
  return (
    at === filter.length - 2 &&
    filter.charCodeAt(at) === SLASH &&
    filter.charCodeAt(at + 1) === HASH
  );
}

function textProblem(text: string, levelsMax: number): string | null {
  // [MQTT-4.7.3-1]
  if (text.length === 0) return "at least one character";
  // [MQTT-4.7.3-2] and [MQTT-1.5.4-2]
  if (text.includes("\u0000")) return "no null character";
  // [MQTT-1.5.4-1]
  if (!text.isWellFormed()) return "well-formed Unicode only";
  if (text.length * 3 > TOPIC_SIZE_BYTES_MAX && Buffer.byteLength(text) > TOPIC_SIZE_BYTES_MAX) {
    return `at most ${TOPIC_SIZE_BYTES_MAX} bytes`;
  }
  if (exceedsLevels(text, levelsMax)) return `at most ${levelsMax} levels`;
  return null;
}

/** Short texts are settled without a look at their characters. */
export function exceedsLevels(text: string, levelsMax = TOPIC_LEVELS_MAX): boolean {
  if (text.length < levelsMax) return false;
  let levels = 1;
  for (let at = text.indexOf("/"); at !== -1; at = text.indexOf("/", at + 1)) levels += 1;
  return levels > levelsMax;
}

function wildcardProblem(filter: string): string | null {
  for (let at = 0; at < filter.length; at += 1) {
    const code = filter.charCodeAt(at);
    if (!isWildcard(code)) continue;
    const startsLevel = at === 0 || filter.charCodeAt(at - 1) === SLASH;
    const isLast = at === filter.length - 1;
    // [MQTT-4.7.1-1]
    if (code === HASH && !(startsLevel && isLast)) return '"#" stands alone in the last level';
    // [MQTT-4.7.1-2]
    const endsLevel = isLast || filter.charCodeAt(at + 1) === SLASH;
    if (code === PLUS && !(startsLevel && endsLevel)) return '"+" stands alone in its level';
  }
  return null;
}
