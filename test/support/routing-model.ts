import fc from "fast-check";
import type { LocalTarget } from "../../src/routing/routing-api.ts";
import type { Subscription } from "../../src/session/session-api.ts";

/** What tests of routing share: few names, so that random filters and topics meet often. */

const level = fc.constantFrom("a", "b", "", "$x");

export const anyTopic = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join("/"))
  .filter((topic) => topic !== "");

export const anyFilter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant("+")), { minLength: 0, maxLength: 4 }), fc.boolean())
  .map(([levels, isOpen]) => (isOpen ? [...levels, "#"] : levels).join("/"))
  .filter((filter) => filter !== "");

export function subscription(filter: string, fields: Partial<Subscription> = {}): Subscription {
  return {
    filter,
    qos: 0,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    identifier: 0,
    ...fields,
  };
}

export class TestTarget implements LocalTarget {
  readonly clientId: string;
  isAvailable = true;
  readonly isStored: boolean;

  constructor(clientId: string, isStored = false) {
    this.clientId = clientId;
    this.isStored = isStored;
  }
}
