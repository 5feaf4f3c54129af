import { expect, test } from "vitest";
import {
  filtersOf,
  messagesFor,
  type Plan,
  topicOf,
} from "../../../scripts/bench/sessions/plan.ts";

const plan: Plan = {
  ...{ sessions: 60, subscriptionsPerSession: 4, messages: 30, sessionsPerMessage: 10 },
};

test("every message is for exactly the sessions with a filter that matches it", () => {
  for (let message = 0; message < plan.messages; message++) {
    const topic = topicOf(message, plan);
    const parent = topic.slice(0, topic.lastIndexOf("/"));
    const sessions = Array.from({ length: plan.sessions }, (_, session) => session);
    const matching = sessions.filter((one) => filtersOf(one, plan).includes(`${parent}/+`));
    expect(matching).toHaveLength(plan.sessionsPerMessage);
    expect(matching).toEqual(sessions.filter((one) => messagesFor(one, plan).includes(message)));
  }
});

test("a session has as many different filters as it should", () => {
  expect(new Set(filtersOf(17, plan)).size).toBe(plan.subscriptionsPerSession);
});
