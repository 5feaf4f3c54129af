import { TOPIC_LEVELS_MAX, topicFilterProblem } from "../mqtt/topic.ts";

export type Action = "publish" | "subscribe" | "all";

/** One line of the users file that says who may use which topics. */
export interface TopicRule {
  readonly isAllow: boolean;
  readonly action: Action;
  /** A topic filter in which levels may hold `{clientId}` and `{username}`. */
  readonly pattern: string;
  /** True: it is about this very filter in a SUBSCRIBE, and not about the topics that it matches. */
  readonly isExact: boolean;
  /** Reason code of a SUBACK that refuses. */
  readonly refusal: 0x80 | 0x87;
}

/** What stands in place of the braces. */
export interface RuleSubject {
  readonly clientId: string;
  readonly username: string | null;
}

/** A rule for one client. What came out of braces is text, also where it looks like a wildcard. */
export interface BoundRule {
  readonly rule: TopicRule;
  readonly levels: readonly BoundLevel[];
}

type BoundLevel = string | typeof anyLevel | typeof anyRest;

const anyLevel = Symbol("+");
const anyRest = Symbol("#");
const placeholder = /\{(clientId|username)\}/g;

/** Why a pattern cannot stand in a rule, or null when it can. */
export function patternProblem(pattern: string): string | null {
  const unknown = pattern.replace(placeholder, "x").match(/\{\w*\}/);
  if (unknown !== null) return `a topic without ${unknown[0]}: there are {clientId} and {username}`;
  if (pattern.startsWith("$share/")) return "the filter behind $share/NAME/, which is left out";
  const problem = topicFilterProblem(pattern.replace(placeholder, "x"), TOPIC_LEVELS_MAX);
  return problem === null ? null : `a topic filter (${problem})`;
}

/** Null for a rule that names the user, where there is none. */
export function bindRule(rule: TopicRule, subject: RuleSubject): BoundRule | null {
  if (subject.username === null && rule.pattern.includes("{username}")) return null;
  const levels = rule.pattern.split("/").map((level): BoundLevel => {
    if (level === "+") return anyLevel;
    if (level === "#") return anyRest;
    return level.replace(placeholder, (_, name) =>
      name === "clientId" ? subject.clientId : (subject.username ?? ""),
    );
  });
  return { rule, levels };
}

export function matchesTopic({ levels }: BoundRule, topicLevels: readonly string[]): boolean {
  return covers(levels, topicLevels, false);
}

/** Is every topic of the filter one of the rule? */
export function coversFilter({ levels }: BoundRule, filter: string): boolean {
  return covers(levels, filter.split("/"), true);
}

/** Is there a topic that both match? */
export function meetsFilter({ levels }: BoundRule, filter: string): boolean {
  const others = filter.split("/");
  if (isHiddenFrom(levels[0], others[0] ?? "", true)) return false;
  for (let at = 0; ; at++) {
    const level = levels[at];
    const other = others[at];
    if (level === anyRest || other === "#") return true;
    if (level === undefined || other === undefined) return level === other;
    if (level !== anyLevel && other !== "+" && level !== other) return false;
  }
}

function covers(
  levels: readonly BoundLevel[],
  others: readonly string[],
  isFilter: boolean,
): boolean {
  if (isHiddenFrom(levels[0], others[0] ?? "", isFilter)) return false;
  for (let at = 0; ; at++) {
    const level = levels[at];
    const other = others[at];
    // "sport/#" is about "sport", too (section 4.7.1.2).
    if (level === anyRest) return true;
    if (level === undefined || other === undefined) return level === other;
    if (isFilter && other === "#") return false;
    if (level === anyLevel) continue;
    if (level !== other || (isFilter && other === "+")) return false;
  }
}

/** [MQTT-4.7.2-1] A wildcard in the first level is not about topics that begin with "$". */
function isHiddenFrom(level: BoundLevel | undefined, other: string, isFilter: boolean): boolean {
  const isWildcard = typeof level === "symbol";
  if (isWildcard) return other.startsWith("$");
  return isFilter && (other === "+" || other === "#") && level?.startsWith("$") === true;
}
