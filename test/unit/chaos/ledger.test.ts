import { describe, expect, test } from "vitest";
import { Ledger } from "../../../scripts/chaos/sessions/ledger.ts";
import { Reigns } from "../../../scripts/chaos/sessions/reigns.ts";

function ledgerWith(...topics: readonly (readonly [string, 1 | 2])[]): Ledger {
  const ledger = new Ledger();
  for (const [topic, qos] of topics) ledger.addTopic(topic, qos);
  return ledger;
}

describe("the ledger of a run with stored sessions", () => {
  test("an acknowledged message is missing until it comes, one that nobody acknowledged is not", () => {
    const ledger = ledgerWith(["a", 1]);
    ledger.subscribed("s", ["a"]);
    ledger.sent("a");
    expect(ledger.missing()).toEqual([]);
    ledger.acknowledged("a", 0);
    expect(ledger.problems()).toMatchObject([{ kind: "lost", session: "s", topic: "a" }]);
    ledger.delivered("s", "a", 0);
    expect(ledger.problems()).toEqual([]);
  });

  test("a session is owed what was sent after its SUBACK, and may get what was sent before", () => {
    const ledger = ledgerWith(["a", 2]);
    ledger.acknowledged("a", ledger.sent("a"));
    ledger.acknowledged("a", ledger.sent("a"));
    ledger.subscribed("s", ["a"]);
    ledger.acknowledged("a", ledger.sent("a"));
    expect(ledger.missing().map(({ detail }) => detail)).toEqual(["number 2 never came"]);
    for (const number of [1, 2]) ledger.delivered("s", "a", number);
    expect(ledger.problems()).toEqual([]);
  });

  test("a second delivery is a fault at QoS 2 and counted at QoS 1, where it may be late", () => {
    const ledger = ledgerWith(["once", 2], ["twice", 1]);
    for (const topic of ledger.topics) {
      for (const number of [0, 1]) expect(ledger.sent(topic)).toBe(number);
      for (const number of [0, 1, 0]) ledger.delivered("s", topic, number);
    }
    expect(ledger.problems()).toMatchObject([{ kind: "twice", topic: "once" }]);
    expect(ledger.counts).toMatchObject({ sent: 4, delivered: 4, repeated: 1 });
  });

  test("what comes for the first time behind a later one is out of order", () => {
    const ledger = ledgerWith(["a", 1]);
    for (let i = 0; i < 3; i++) ledger.sent("a");
    for (const number of [0, 2, 1]) ledger.delivered("s", "a", number);
    expect(ledger.problems()).toMatchObject([{ kind: "order", detail: "number 1 came behind 2" }]);
  });

  test("what nobody sent is a phantom", () => {
    const ledger = ledgerWith(["a", 1]);
    for (const number of [0, -1, Number.NaN]) ledger.delivered("s", "a", number);
    expect(ledger.problems().map(({ kind }) => kind)).toEqual(["phantom", "phantom", "phantom"]);
  });
});

describe("the reigns over a client identifier", () => {
  test("each connection may write until another has, and repetitions do not count", () => {
    const reigns = new Reigns();
    const writes = [
      [1, 1],
      [1, 2],
      [2, 1],
      [1, 2],
      [2, 2],
      [4, 1],
    ] as const;
    for (const [serial, number] of writes) reigns.written("a", serial, number);
    expect(reigns).toMatchObject({ problems: [], writes: 5 });
  });

  test("a connection that writes behind its successor is found", () => {
    const reigns = new Reigns();
    for (const [serial, number] of [
      [1, 1],
      [2, 1],
      [1, 2],
    ] as const) {
      reigns.written("a", serial, number);
    }
    expect(reigns.problems).toEqual(["a: connection 1 wrote again behind connection 2"]);
  });
});
