import { describe, expect, it } from "vitest";
import { AddressList, redialDelayMs } from "../../../cluster/members/address-list.ts";
import { MemberTable } from "../../../cluster/members/member-table.ts";

const timings = { pingMs: 250, suspectMs: 1500, downMs: 5000 };

/** Ticks every `pingMs` until `untilMs`; answers all changes as "time state". */
function tickUntil(table: MemberTable, fromMs: number, untilMs: number): string[] {
  const heard: string[] = [];
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs += timings.pingMs) {
    for (const { state } of table.tick(nowMs).changes) heard.push(`${nowMs} ${state}`);
  }
  return heard;
}

describe("failure detector", () => {
  it("is up after link and pong, suspect and down after silence, suspect when the link returns", () => {
    const table = new MemberTable(timings);
    table.add("a", false, 0);
    expect(table.stateOf("a")).toBe("suspect");
    expect(table.pong("a", 10)).toBeNull();
    expect(table.linkUp("a", 10)).toBeNull();
    expect(table.pong("a", 20)).toEqual({ nodeId: "a", state: "up" });
    expect(tickUntil(table, 250, 6000)).toEqual(["1750 suspect", "5250 down"]);
    expect(table.linkUp("a", 6000)).toEqual({ nodeId: "a", state: "suspect" });
    expect(table.pong("a", 6010)?.state).toBe("up");
  });

  it("suspects at once when the link closes", () => {
    const table = new MemberTable(timings);
    table.add("a", true, 0);
    table.pong("a", 0);
    expect(table.linkDown("a")).toEqual({ nodeId: "a", state: "suspect" });
    expect(table.linkDown("a")).toBeNull();
    expect(tickUntil(table, 250, 5000)).toEqual(["5000 down"]);
  });

  it("accuses nobody for the time that it stood still itself", () => {
    const table = new MemberTable(timings);
    table.add("a", true, 0);
    table.pong("a", 0);
    table.tick(250);
    const { changes, stalledMs } = table.tick(20_000);
    expect(stalledMs).toBe(19_500);
    expect(changes).toEqual([]);
    expect(tickUntil(table, 20_250, 30_000)).toEqual(["21000 suspect", "24500 down"]);
  });

  it("knows nothing of a node that is no member", () => {
    const table = new MemberTable(timings);
    expect(table.stateOf("x")).toBeNull();
    expect(table.linkUp("x", 0)).toBeNull();
    expect(table.pong("x", 0)).toBeNull();
    table.add("x", false, 0);
    table.remove("x");
    expect(table.tick(9000).changes).toEqual([]);
  });
});

describe("addresses of a member", () => {
  it("go round, learnt ones first, bounded, and keep room for configured ones", () => {
    const list = new AddressList(4);
    expect(list.take()).toBeNull();
    list.configure(["c1", "c2"]);
    list.learn(["l1", "l2", "l3", "c1"]);
    expect(list.addresses).toEqual(["l1", "l2", "c1", "c2"]);
    expect(list.take()).toEqual({ address: "l1", isLastOfRound: false });
    for (let i = 0; i < 2; i += 1) list.take();
    expect(list.take()).toEqual({ address: "c2", isLastOfRound: true });
    expect(list.take()?.address).toBe("l1");
    list.restart();
    expect(list.take()?.address).toBe("l1");
  });

  it("are dialled with pauses that double up to two seconds, with jitter", () => {
    const pauses = [1, 2, 3, 7, 1000].map((round) => redialDelayMs(round, 50, 2000, 0.999_999_99));
    expect(pauses.map(Math.round)).toEqual([50, 100, 200, 2000, 2000]);
    expect(redialDelayMs(1, 50, 2000, 0)).toBe(25);
  });
});
