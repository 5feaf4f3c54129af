import { describe, expect, test } from "vitest";
import { Freshness } from "../../../cluster/agreed/freshness.ts";
import type { NodeId } from "../../../cluster/node-id.ts";
import type { Message } from "../../../cluster/raft/messages.ts";
import type { Role } from "../../../cluster/raft/types.ts";
import { configurationOf, nodeIdOf } from "../../support/raft/nodes.ts";

const [one, two, three] = [nodeIdOf(1), nodeIdOf(2), nodeIdOf(3)];
const never = Number.NEGATIVE_INFINITY;

interface Replica {
  readonly freshness: Freshness;
  /** Takes a message at a time; everything that comes is of the standing's term. */
  take(message: Partial<Message> & Pick<Message, "type">, from: NodeId, atMs: number): void;
  inStepMs(atMs: number): number;
  contactMs(atMs: number): number;
}

/** Node 1 of three voters and a learner, with state up to 10. */
function replica(role: Role, commitIndex = 10): Replica {
  const freshness = new Freshness(one, 10);
  const standing = {
    role,
    commitIndex,
    term: 4,
    leader: role === "leader" ? one : two,
    configuration: configurationOf([1, 2, 3], [4]),
  };
  return {
    freshness,
    take: (message, from, atMs) => {
      freshness.tick(atMs);
      freshness.took({ from, to: one, term: 4, ...message } as Message, standing);
    },
    inStepMs: (atMs) => freshness.inStepMs(standing, atMs),
    contactMs: (atMs) => freshness.contactMs(standing, atMs),
  };
}

const heartbeat = { type: "heartbeat", commit: 10, readContext: 0 } as const;
const answer = { type: "heartbeatResponse", readContext: 0 } as const;

function append(commit: number) {
  return { type: "append", previousIndex: 10, previousTerm: 4, entries: [], commit } as const;
}

describe("a follower", () => {
  test("knows nothing of its age until its leader has said what is committed", () => {
    const { take, inStepMs, contactMs } = replica("follower");
    take(heartbeat, two, 100);
    expect([inStepMs(100), contactMs(100)]).toEqual([never, 100]);
    take(append(10), two, 120);
    take(heartbeat, two, 150);
    expect(inStepMs(400)).toBe(150);
  });

  test("that catches up is as old as the word that it has reached, however often it hears its leader", () => {
    const { freshness, take, inStepMs, contactMs } = replica("follower");
    take(append(500), two, 100);
    for (let atMs = 150; atMs <= 1000; atMs += 50) take(heartbeat, two, atMs);
    expect([inStepMs(1000), contactMs(1000)]).toEqual([never, 1000]);
    take(append(700), two, 1100);
    freshness.applied(600, 4);
    expect(inStepMs(1200)).toBe(100);
    freshness.applied(700, 4);
    expect(inStepMs(1200)).toBe(1100);
  });

  test("that always lags a little knows by how much", () => {
    const { freshness, take, inStepMs } = replica("follower");
    for (let step = 1; step <= 20; step++) {
      take(append(10 + step), two, step * 100);
      freshness.applied(10 + step - 2, 4);
    }
    expect(inStepMs(2000)).toBeGreaterThanOrEqual(1600);
    expect(inStepMs(2000)).toBeLessThanOrEqual(1800);
  });

  test("waits for an append again after its link broke: news may be lost", () => {
    const { freshness, take, inStepMs } = replica("follower");
    take(append(10), two, 100);
    freshness.linkDown(three);
    take(heartbeat, two, 150);
    freshness.linkDown(two);
    take(heartbeat, two, 900);
    expect(inStepMs(900)).toBe(150);
    take(append(10), two, 950);
    expect(inStepMs(950)).toBe(950);
  });

  test("that stood still takes what waited for it as no younger than that", () => {
    const { freshness, take, inStepMs, contactMs } = replica("follower");
    take(append(10), two, 100);
    freshness.stalled();
    take(heartbeat, two, 30_100);
    expect([inStepMs(30_100), contactMs(30_100)]).toEqual([100, 100]);
    for (let ticks = 1; ticks <= 4; ticks++) freshness.tick(30_100 + 25 * ticks);
    take(heartbeat, two, 30_225);
    expect(inStepMs(30_225)).toBe(30_225);
  });

  test("has no state to read while a snapshot takes its place", () => {
    const { freshness, take, inStepMs } = replica("follower");
    take(append(900), two, 100);
    freshness.replacing();
    expect(inStepMs(110)).toBe(never);
    freshness.replaced(900, 4);
    expect(inStepMs(120)).toBe(100);
  });

  test("does not count words of others, or of another term", () => {
    const { take, inStepMs } = replica("follower");
    take(append(10), three, 100);
    take({ ...append(10), term: 3 }, two, 100);
    expect(inStepMs(100)).toBe(never);
  });
});

describe("a leader", () => {
  test("is in step as of the last answer of a quorum, not of a learner", () => {
    const { freshness, take, inStepMs } = replica("leader");
    freshness.applied(10, 4);
    take(answer, two, 100);
    take(answer, nodeIdOf(4), 500);
    expect(inStepMs(600)).toBe(100);
    take(answer, three, 700);
    expect(inStepMs(800)).toBe(700);
    expect(inStepMs(5000)).toBe(700);
  });

  test("is not in step before an entry of its own term and all that is committed are applied", () => {
    const { freshness, take, inStepMs } = replica("leader", 12);
    freshness.applied(12, 3);
    take(answer, two, 100);
    expect(inStepMs(100)).toBe(never);
    freshness.applied(11, 4);
    expect(inStepMs(100)).toBe(never);
    freshness.applied(12, 4);
    expect(inStepMs(100)).toBe(100);
  });

  test("that leads no more is as old as the last answer of a quorum, though nobody asked before", () => {
    const { freshness, take } = replica("leader");
    freshness.applied(10, 4);
    take(answer, two, 100);
    const configuration = configurationOf([1, 2, 3]);
    const alone = {
      role: "follower",
      term: 4,
      leader: null,
      commitIndex: 10,
      configuration,
    } as const;
    expect(freshness.inStepMs(alone, 5000)).toBe(100);
  });

  test("that votes alone is always in step", () => {
    const freshness = new Freshness(one, 10);
    const configuration = configurationOf([1], [2]);
    const standing = {
      role: "leader",
      term: 4,
      leader: one,
      commitIndex: 10,
      configuration,
    } as const;
    freshness.applied(10, 4);
    expect(freshness.inStepMs(standing, 77)).toBe(77);
    expect(freshness.contactMs(standing, 78)).toBe(78);
  });
});
