import { describe, expect, it } from "vitest";
import { message, nodeIds } from "../../support/replica-model.ts";
import { SessionLog } from "../../support/session-log.ts";

const never = 0xffff_ffff;

function will(delaySeconds: number, payload = "gone") {
  return { message: message("w", payload, { retain: false, publisherId: "c" }), delaySeconds };
}

describe("a stored session", () => {
  it("is over when its interval has passed, though nothing was written in between", () => {
    const log = new SessionLog();
    log.claim("c");
    log.subscribe("c", "t");
    log.disconnect("c", { expirySeconds: 10 });
    log.timeMs += 10_000;
    expect(log.claim("c")).toMatchObject({ isSessionPresent: false });
    expect(log.session("c").subscriptions.size).toBe(0);
  });

  it("is carried on up to that moment", () => {
    const log = new SessionLog();
    log.claim("c");
    log.disconnect("c", { expirySeconds: 10 });
    log.timeMs += 9999;
    expect(log.claim("c")).toMatchObject({ isSessionPresent: true });
  });

  it("that never ends by itself does not, whatever interval it had before", () => {
    const log = new SessionLog();
    log.claim("c");
    log.disconnect("c", { expirySeconds: 1 });
    log.claim("c", { expirySeconds: never });
    log.disconnect("c", { expirySeconds: never });
    log.tick(1_000_000_000);
    expect(log.claim("c")).toMatchObject({ isSessionPresent: true });
  });

  it("does not end while its client is connected, however long", () => {
    const log = new SessionLog();
    log.claim("c");
    log.disconnect("c", { expirySeconds: 1 });
    log.claim("c");
    log.tick(1_000_000_000);
    expect(log.session("c").isConnected).toBe(true);
  });

  it("resumed with interval 0 is carried on, and ends with that connection", () => {
    const log = new SessionLog();
    log.claim("c");
    log.subscribe("c", "t");
    log.disconnect("c");
    log.publish("t", "a");
    expect(log.claim("c", { expirySeconds: 0 })).toMatchObject({ isSessionPresent: true });
    expect(log.payloads("c")).toEqual(["a"]);
    log.disconnect("c", { expirySeconds: 0 });
    expect(log.replica.sessions.get("c")).toBeNull();
    expect(log.replica.sessions.messageCount).toBe(0);
    expect(log.replica.sessions.subscriptionCount).toBe(0);
  });

  it("with interval 0 that is taken over has ended: the next connection finds none", () => {
    const log = new SessionLog();
    log.claim("c");
    log.disconnect("c");
    log.claim("c", { expirySeconds: 0 });
    expect(log.claim("c", {}, nodeIds[1])).toMatchObject({ isSessionPresent: false });
  });

  it("takes the interval that a DISCONNECT names", () => {
    const log = new SessionLog();
    log.claim("c", { expirySeconds: 10 });
    log.disconnect("c", { expirySeconds: 100 });
    log.tick(99_000);
    expect(log.session("c").isConnected).toBe(false);
    log.tick(1000);
    expect(log.replica.sessions.get("c")).toBeNull();
  });

  it("listens to nobody but its newest claim", () => {
    const log = new SessionLog();
    log.claim("c");
    log.subscribe("c", "t");
    log.publish("t", "a");
    const { epoch } = log.session("c");
    log.claim("c", {}, nodeIds[1]);
    const ended = { clientId: "c", epoch, expirySeconds: 0, isWillWanted: true, sentSeq: 0 };
    log.apply({ type: "disconnect", ...ended });
    log.apply({ type: "unsubscribe", clientId: "c", epoch, filters: ["t"] });
    expect(log.queue("c")).toEqual(["1=a"]);
    expect(log.session("c").subscriptions.size).toBe(1);
    expect(log.session("c").isConnected).toBe(true);
  });

  it("takes a late word of what the client had, but none of packet identifiers, and none of a session before it", () => {
    const log = new SessionLog();
    log.claim("c");
    log.subscribe("c", "t");
    for (const text of ["a", "b", "c"]) log.publish("t", text);
    const { epoch } = log.session("c");
    log.publish("elsewhere", "x", { qos: 2, publisherId: "c" }, { qos2PacketId: 7 });
    log.claim("c", {}, nodeIds[1]);
    const settlement = { clientId: "c", epoch, completed: [1, 2], received: [], released: [7] };
    log.apply({ type: "settle", settlements: [settlement] });
    expect(log.queue("c")).toEqual(["3=c"]);
    expect([...log.session("c").inboundQos2]).toEqual([7]);
    log.claim("c", { cleanStart: true });
    log.subscribe("c", "t");
    log.publish("t", "new");
    log.apply({ type: "settle", settlements: [settlement] });
    expect(log.queue("c")).toEqual(["1=new"]);
    expect(log.replica.metrics().get("replica_settlements_fenced")).toBe(1);
  });
});

describe("a Will", () => {
  const ends = {
    "a lost node": (log: SessionLog) => log.nodeStarted(nodeIds[0], 9),
    "a node that is down": (log: SessionLog) =>
      log.apply({ type: "node-down", nodeId: nodeIds[0], incarnation: 0 }),
    "a broken connection": (log: SessionLog) => log.disconnect("c"),
    "an operator": (log: SessionLog) => log.apply({ type: "end-session", clientId: "c" }),
  };
  for (const [name, end] of Object.entries(ends)) {
    it(`is published once after ${name}`, () => {
      const log = new SessionLog();
      log.claim("c", { will: will(0) });
      end(log);
      end(log);
      log.tick(1_000_000);
      expect(log.wills).toEqual(["gone"]);
    });
  }

  it("waits for its delay, or for the end of its session if that comes first", () => {
    const log = new SessionLog();
    log.claim("c", { will: will(10) });
    log.disconnect("c", { expirySeconds: 5 });
    log.tick(4999);
    expect(log.wills).toEqual([]);
    log.tick(1);
    expect(log.wills).toEqual(["gone"]);
  });

  it("whose delay is over is published, though its client is back before anything else was written", () => {
    const log = new SessionLog();
    log.claim("c", { will: will(10) });
    log.disconnect("c");
    log.timeMs += 10_000;
    expect(log.claim("c", {})).toMatchObject({ isSessionPresent: true });
    expect(log.wills).toEqual(["gone"]);
  });

  it("is void when its client is back in time, and published when it starts clean", () => {
    const log = new SessionLog();
    log.claim("c", { will: will(10) });
    log.disconnect("c");
    log.claim("c", { will: will(10, "second") });
    log.disconnect("c");
    expect(log.wills).toEqual([]);
    log.claim("c", { cleanStart: true });
    expect(log.wills).toEqual(["second"]);
    log.tick(1_000_000);
    expect(log.wills).toEqual(["second"]);
  });

  it("of a connection that is taken over comes at once without a delay, with one only if its session ends", () => {
    const log = new SessionLog();
    log.claim("c", { will: will(0, "first") });
    log.claim("c", { will: will(10, "second") }, nodeIds[1]);
    expect(log.wills).toEqual(["first"]);
    log.claim("c", { will: will(10, "third") });
    expect(log.wills).toEqual(["first"]);
    log.claim("c", { cleanStart: true });
    expect(log.wills).toEqual(["first", "third"]);
  });

  it("that nobody wants any more is not published", () => {
    const log = new SessionLog();
    log.claim("c", { will: will(0) });
    log.disconnect("c", { isWillWanted: false });
    log.tick(1_000_000);
    expect(log.wills).toEqual([]);
  });

  it("waits in the queues of those who subscribed, and is retained if it asks for that", () => {
    const log = new SessionLog();
    log.claim("listener");
    log.subscribe("listener", "w");
    log.disconnect("listener");
    const retained = { ...will(0), message: message("w", "gone", { publisherId: "c" }) };
    log.claim("c", { will: retained });
    log.disconnect("c");
    expect(log.payloads("listener")).toEqual(["gone"]);
    expect(log.replica.getRetained("w")?.payload.toString()).toBe("gone");
  });
});
