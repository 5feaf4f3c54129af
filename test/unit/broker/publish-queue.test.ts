import fc from "fast-check";
import { expect, test } from "vitest";
import { PublishQueue, type WaitingPublish } from "../../../src/broker/publish-queue.ts";
import { messageTo } from "../../support/recorded-session.ts";

function publish(token: number): WaitingPublish {
  return {
    message: messageTo("t", 1),
    token,
    connection: null,
    receivedAtMs: 0,
    isForSessions: false,
    dispatched: null,
    outcome: null,
  };
}

test("publishes leave in their order, each once, none before an earlier one that waits", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 200 }), (choices) => {
      const queue = new PublishQueue();
      const open: WaitingPublish[] = [];
      const taken: number[] = [];
      let pushed = 0;
      for (const choice of choices) {
        if (choice % 3 === 0 || open.length === 0) {
          const waiting = publish(++pushed);
          open.push(waiting);
          queue.push(waiting);
        } else {
          const [settled] = open.splice(choice % open.length, 1);
          settled!.outcome = { status: "committed", version: 1, isRepeated: false };
        }
        for (let next = queue.shiftSettled(); next !== null; next = queue.shiftSettled()) {
          taken.push(next.token);
        }
        const firstOpen = Math.min(pushed + 1, ...open.map(({ token }) => token));
        expect(taken).toEqual(Array.from({ length: firstOpen - 1 }, (_, at) => at + 1));
        expect(queue.length).toBe(pushed - taken.length);
      }
    }),
  );
});
