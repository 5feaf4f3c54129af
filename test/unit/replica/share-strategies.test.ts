import { describe, expect, it } from "vitest";
import type { Command } from "../../../src/replica/replica-api.ts";
import type { ShareStrategy } from "../../../src/routing/share-strategy.ts";
import { message, nodeIds } from "../../support/replica-model.ts";
import { SessionLog } from "../../support/session-log.ts";

/** Members of one group, each claimed by the node named. */
function withMembers(members: Readonly<Record<string, string>>): SessionLog {
  const log = new SessionLog();
  for (const [clientId, nodeId] of Object.entries(members)) {
    log.claim(clientId, {}, nodeId);
    log.subscribe(clientId, "$share/g/+");
  }
  return log;
}

const [n1, n2] = nodeIds;

function publish(log: SessionLog, topic: string, shareStrategy: ShareStrategy, origin = n1): void {
  const published = message(topic, topic, { receivedAtMs: log.timeMs, qos: 1 });
  const command: Command = { type: "publish", message: published, updates: [], shareStrategy };
  log.apply(command, origin);
}

/** Who has it, before it is acknowledged. */
function holderOf(log: SessionLog, clientIds: readonly string[]): string {
  const holders = clientIds.filter((clientId) => log.session(clientId).queue.size > 0);
  expect(holders).toHaveLength(1);
  const [holder = ""] = holders;
  log.settle(holder, { completed: [...log.session(holder).queue.seqs()] });
  return holder;
}

describe("stored members of a shared subscription", () => {
  it("are all served alike by round-robin, and a slow one gets less", () => {
    const log = withMembers({ fast: n1, slow: n2, other: n1 });
    for (let count = 0; count < 60; count++) {
      publish(log, "t", "round-robin");
      for (const clientId of ["fast", "other"]) {
        log.settle(clientId, { completed: [...log.session(clientId).queue.seqs()] });
      }
    }
    expect(log.session("slow").queue.size).toBe(1);
    const given = ["fast", "other"].map((clientId) => log.session(clientId).nextSeq - 1);
    expect(given.reduce((sum, count) => sum + count, 0)).toBe(59);
    expect(Math.abs(given[0]! - given[1]!)).toBeLessThanOrEqual(1);
  });

  it("are served one at a time by sticky: the oldest session that is connected and has room", () => {
    const log = withMembers({ a: n1, b: n1, c: n1 });
    const names = ["a", "b", "c"];
    const next = (): string => {
      publish(log, "t", "sticky");
      return holderOf(log, names);
    };
    expect([next(), next(), next()]).toEqual(["a", "a", "a"]);
    log.disconnect("a");
    expect([next(), next()]).toEqual(["b", "b"]);
    log.claim("a");
    expect(next()).toBe("a");
  });

  it("keep their topics by hash-topic when another one goes", () => {
    const names = ["a", "b", "c", "d"];
    const log = withMembers({ a: n1, b: n1, c: n2, d: n2 });
    const topics = Array.from({ length: 60 }, (_, at) => `t${at}`);
    const holders = (): Map<string, string> =>
      new Map(
        topics.map((topic) => {
          publish(log, topic, "hash-topic");
          return [topic, holderOf(log, names)];
        }),
      );
    const before = holders();
    expect(new Set(before.values()).size).toBe(4);
    expect(holders()).toEqual(before);
    log.disconnect("b");
    for (const [topic, holder] of holders()) {
      if (before.get(topic) === "b") expect(holder).not.toBe("b");
      else expect(holder).toBe(before.get(topic));
    }
  });

  it("are served at the publisher's node first by local-first", () => {
    const log = withMembers({ here: n1, there: n2, too: n2 });
    const names = ["here", "there", "too"];
    const given = (origin: string): string[] =>
      Array.from({ length: 4 }, () => {
        publish(log, "t", "local-first", origin);
        return holderOf(log, names);
      });
    expect(given(n1)).toEqual(["here", "here", "here", "here"]);
    expect(given(n2).sort()).toEqual(["there", "there", "too", "too"]);
    log.disconnect("here");
    expect(given(n1).sort()).toEqual(["there", "there", "too", "too"]);
    for (const clientId of ["there", "too"]) log.disconnect(clientId);
    publish(log, "t", "local-first", n1);
    expect(names.map((clientId) => log.session(clientId).queue.size).sort()).toEqual([0, 0, 1]);
  });
});
