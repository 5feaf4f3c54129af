import type { Authorizer, Identity, SubscribeRefusal } from "../broker/access.ts";
import { type BoundRule, bindRule, coversFilter, matchesTopic, meetsFilter } from "./topic-rule.ts";
import type { UsersFile } from "./users-file.ts";

/** The rules of one client, of one reading of the file. */
interface BoundRules {
  readonly file: UsersFile;
  readonly publish: readonly BoundRule[];
  readonly subscribe: readonly BoundRule[];
  /** Most clients publish to one topic again and again. */
  lastTopic: string;
  isLastAllowed: boolean;
}

/** The rules of the users file: the user's own in their order, then everybody's; the first that fits decides. */
export class RulesAuthorizer implements Authorizer {
  readonly #current: () => UsersFile;
  readonly #bound = new WeakMap<Identity, BoundRules>();

  constructor(current: () => UsersFile) {
    this.#current = current;
  }

  canPublish(identity: Identity, topic: string): boolean {
    const rules = this.#rulesOf(identity);
    if (rules.publish.length === 0) return rules.file.isAllowedByDefault;
    if (rules.lastTopic !== topic) {
      rules.isLastAllowed = decidePublish(rules, topic);
      rules.lastTopic = topic;
    }
    return rules.isLastAllowed;
  }

  subscribeRefusal(identity: Identity, filter: string): SubscribeRefusal | null {
    const { subscribe, file } = this.#rulesOf(identity);
    for (const bound of subscribe) {
      const { rule } = bound;
      if (rule.isExact) {
        if (isSameFilter(bound, filter)) return rule.refusal;
      } else if (rule.isAllow) {
        if (coversFilter(bound, filter)) return null;
        // A part of what is asked for would be enough to see what is denied.
      } else if (meetsFilter(bound, filter)) return rule.refusal;
    }
    return file.isAllowedByDefault ? null : 0x87;
  }

  #rulesOf(identity: Identity): BoundRules {
    const file = this.#current();
    const known = this.#bound.get(identity);
    if (known?.file === file) return known;
    const rules = bindAll(file, identity);
    this.#bound.set(identity, rules);
    return rules;
  }
}

function bindAll(file: UsersFile, identity: Identity): BoundRules {
  const { username } = identity;
  const own = username === null ? [] : (file.users.get(username)?.rules ?? []);
  const bound = [...own, ...file.everybody].flatMap((rule) => bindRule(rule, identity) ?? []);
  const of = (action: "publish" | "subscribe") =>
    bound.filter(({ rule }) => rule.action === action || rule.action === "all");
  return {
    file,
    publish: of("publish"),
    subscribe: of("subscribe"),
    // Not a topic name.
    lastTopic: "",
    isLastAllowed: false,
  };
}

function decidePublish(rules: BoundRules, topic: string): boolean {
  const levels = topic.split("/");
  const decisive = rules.publish.find((bound) => matchesTopic(bound, levels));
  return decisive?.rule.isAllow ?? rules.file.isAllowedByDefault;
}

function isSameFilter({ levels }: BoundRule, filter: string): boolean {
  return (
    levels.map((level) => (typeof level === "symbol" ? level.description : level)).join("/") ===
    filter
  );
}
