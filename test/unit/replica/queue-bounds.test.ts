import { describe, expect, it } from "vitest";
import { replicaLimits } from "../../../src/replica/limits.ts";
import { type QueueBounds, usualBounds } from "../../../src/replica/sessions/queue-bounds.ts";
import { SessionLog } from "../../support/session-log.ts";

const usual = usualBounds(replicaLimits);

/** A session that is away, under bounds of its own. */
function away(log: SessionLog, bounds: Partial<QueueBounds>, clientId = "c"): void {
  log.claim(clientId, { bounds: { ...usual, ...bounds } });
  log.subscribe(clientId, "t", { qos: 2 });
  log.disconnect(clientId);
}

function publishAll(log: SessionLog, payloads: readonly string[], qos: 1 | 2 = 1): void {
  for (const payload of payloads) log.publish("t", payload, { qos });
}

const drops = (log: SessionLog, reason: string): number | undefined =>
  log.replica.metrics().get(`replica_session_messages_dropped_${reason}`);

describe("the bounds of a stored session", () => {
  it("are those of its newest claim, and are kept with it", () => {
    const log = new SessionLog();
    away(log, { messagesMax: 2 });
    publishAll(log, ["a", "b", "c"]);
    expect(log.payloads("c")).toEqual(["a", "b"]);
    log.claim("c");
    log.disconnect("c");
    publishAll(log, ["d"]);
    expect(log.payloads("c")).toEqual(["a", "b", "d"]);
    expect(drops(log, "full")).toBe(1);
  });

  it("leave the records of sessions with the usual ones as they were", () => {
    const [plain, named] = [new SessionLog(), new SessionLog()];
    plain.claim("c");
    named.claim("c", { bounds: usual });
    expect(named.replica.digest()).toBe(plain.replica.digest());
  });

  it("in messages: the newest goes, or the oldest, as the session has it", () => {
    const log = new SessionLog();
    away(log, { messagesMax: 2 }, "newest");
    away(log, { messagesMax: 2, isOldestDropped: true }, "oldest");
    publishAll(log, ["a", "b", "c", "d"]);
    expect(log.payloads("newest")).toEqual(["a", "b"]);
    expect(log.payloads("oldest")).toEqual(["c", "d"]);
    expect(drops(log, "full")).toBe(4);
  });

  it("in bytes: as many of the oldest go as the new one needs, and none for one that never fits", () => {
    const log = new SessionLog();
    away(log, { sizeBytesMax: 1000, isOldestDropped: true });
    publishAll(log, ["a", "b", "c"]);
    publishAll(log, ["x".repeat(2000)]);
    expect(log.payloads("c")).toEqual(["a", "b", "c"]);
    publishAll(log, ["y".repeat(500)]);
    expect(log.payloads("c").map((payload) => payload[0])).toEqual(["y"]);
    expect(drops(log, "size")).toBe(4);
    expect(drops(log, "full")).toBe(0);
  });

  it("in age: each session loses what is too old for it, and the others keep it", () => {
    const log = new SessionLog();
    away(log, { ageSecondsMax: 5 }, "short");
    away(log, { ageSecondsMax: 50 }, "long");
    away(log, { ageSecondsMax: 0 }, "ever");
    publishAll(log, ["a"]);
    log.tick(6_000);
    publishAll(log, ["b"]);
    expect(log.payloads("short")).toEqual(["b"]);
    expect(log.payloads("long")).toEqual(["a", "b"]);
    expect(drops(log, "age")).toBe(1);
    log.tick(45_000);
    expect([log.payloads("short"), log.payloads("long")]).toEqual([[], ["b"]]);
    expect(log.payloads("ever")).toEqual(["a", "b"]);
    expect(drops(log, "expired")).toBe(0);
  });

  it("in age: a shorter one of a newer claim counts for what waits since before", () => {
    const log = new SessionLog();
    away(log, {});
    publishAll(log, ["a"]);
    log.claim("c", { bounds: { ...usual, ageSecondsMax: 5 } });
    log.disconnect("c");
    log.tick(4_000);
    expect(log.payloads("c")).toEqual(["a"]);
    log.tick(2_000);
    expect(log.payloads("c")).toEqual([]);
  });

  it("a message's own expiry comes first where it is shorter, and is counted as that", () => {
    const log = new SessionLog();
    away(log, { ageSecondsMax: 50 });
    log.publish("t", "a", { qos: 1, properties: { messageExpiryInterval: 2 } });
    log.tick(3_000);
    expect(log.payloads("c")).toEqual([]);
    expect([drops(log, "expired"), drops(log, "age")]).toEqual([1, 0]);
  });

  it("give up no QoS 2 exchange that may have begun", () => {
    const log = new SessionLog();
    log.claim("c", { bounds: { ...usual, messagesMax: 2, isOldestDropped: true } });
    log.subscribe("c", "t", { qos: 2 });
    publishAll(log, ["begun", "sent"], 2);
    // Connected: the log does not know what is under way.
    publishAll(log, ["too many"], 2);
    expect(log.payloads("c")).toEqual(["begun", "sent"]);
    log.disconnect("c", { sentSeq: 1 });
    publishAll(log, ["new", "newer"], 2);
    expect(log.payloads("c")).toEqual(["begun", "newer"]);
  });

  it("leave a connected client what is under way, even where nothing is to wait", () => {
    const log = new SessionLog({ underWayMessagesMax: 3, underWaySizeBytesMax: 10_000 });
    log.claim("c", { bounds: { ...usual, messagesMax: 0 } });
    log.subscribe("c", "t");
    publishAll(log, ["a", "b", "c", "d"]);
    expect(log.payloads("c")).toEqual(["a", "b", "c"]);
    log.disconnect("c");
    publishAll(log, ["e"]);
    expect(log.payloads("c")).toEqual(["a", "b", "c"]);
  });

  it("do not touch the copies of retained messages", () => {
    const log = new SessionLog();
    for (const topic of ["r/1", "r/2"]) log.publish(topic, topic, { retain: true });
    log.claim("c", { bounds: { ...usual, messagesMax: 2, isOldestDropped: true } });
    log.subscribe("c", "#");
    log.disconnect("c");
    publishAll(log, ["a", "b", "c"]);
    expect(log.payloads("c")).toEqual(["r/1", "r/2", "b", "c"]);
  });

  it("tell the node of a connected client what it need not send any more", () => {
    const log = new SessionLog();
    const discarded: string[] = [];
    log.replica.onDiscarded(({ stored }) => discarded.push(stored.message.payload.toString()));
    log.claim("c", { bounds: { ...usual, messagesMax: 1, isOldestDropped: true } });
    log.subscribe("c", "t");
    publishAll(log, ["a", "b"]);
    log.disconnect("c");
    publishAll(log, ["c"]);
    expect(discarded).toEqual(["a"]);
  });
});
