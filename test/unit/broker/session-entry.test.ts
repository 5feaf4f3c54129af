import { expect, test } from "vitest";
import { type Hold, SessionEntry } from "../../../src/broker/session-entry.ts";
import { Session } from "../../../src/session/session.ts";
import { LIMITS, messageTo } from "../../support/recorded-session.ts";

const options = { qos: 0, retain: false, identifiers: [] } as const;

function entryWithHold() {
  const entry = new SessionEntry(new Session("c", LIMITS), { clientId: "c", username: null }, 1);
  let offers = 0;
  const hold: Hold = {
    offer: () => {
      offers += 1;
      return true;
    },
    pump: () => {},
    unsubscribed: () => {},
  };
  let end = () => {};
  let cancels = 0;
  entry.addTimedHold(hold, (whenOver) => {
    end = whenOver;
    return () => {
      cancels += 1;
    };
  });
  const deliver = () => {
    entry.deliver(messageTo("t", 0), options, 0);
    return offers;
  };
  return { entry, deliver, end: () => end(), cancels: () => cancels };
}

test("a timed hold holds until its time is over", () => {
  const { entry, deliver, end, cancels } = entryWithHold();
  expect(deliver()).toBe(1);
  end();
  expect(deliver()).toBe(1);
  entry.leave();
  expect(cancels()).toBe(0);
});

test("a session that is gone leaves no timer behind, which would keep it in memory", () => {
  const { entry, cancels } = entryWithHold();
  entry.leave();
  expect([entry.isGone, cancels()]).toEqual([true, 1]);
  entry.leave();
  expect(cancels()).toBe(1);
});
