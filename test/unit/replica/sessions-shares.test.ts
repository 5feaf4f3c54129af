import { describe, expect, it } from "vitest";
import { nodeIds } from "../../support/replica-model.ts";
import { SessionLog } from "../../support/session-log.ts";

function members(log: SessionLog, clientIds: readonly string[], filter = "$share/g/t"): void {
  for (const clientId of clientIds) {
    log.claim(clientId);
    log.subscribe(clientId, filter);
  }
}

describe("a shared subscription of stored sessions", () => {
  it("takes turns among members that acknowledge at once, however many entries a message costs", () => {
    const log = new SessionLog();
    members(log, ["a", "b"]);
    const given: string[] = [];
    for (let count = 0; count < 8; count++) {
      log.publish("t", String(count));
      for (const clientId of ["a", "b"]) {
        const completed = [...log.session(clientId).queue.seqs()];
        if (completed.length === 0) continue;
        given.push(clientId);
        log.settle(clientId, { completed });
      }
    }
    expect(given.filter((clientId) => clientId === "a")).toHaveLength(4);
  });

  it("gives a message to a member with room when another is full", () => {
    const log = new SessionLog({ queuedSizeBytesMax: 1000 });
    log.claim("big");
    log.subscribe("big", "x");
    members(log, ["a", "big"]);
    log.publish("x", "x".repeat(740));
    log.publish("t", "1");
    log.publish("t", "2");
    expect(log.payloads("a")).toEqual(["1", "2"]);
  });

  it("gives what a member had not acknowledged to the others, under their own options", () => {
    const log = new SessionLog();
    log.claim("a");
    log.subscribe("a", "$share/g/t", { identifier: 1, retainAsPublished: true });
    log.publish("t", "1", { retain: true });
    log.claim("b");
    log.subscribe("b", "$share/g/t", { identifier: 2 });
    log.disconnect("a", { sentSeq: 1 });
    expect(log.payloads("a")).toEqual([]);
    const [entry] = log.session("b").queue.values();
    expect(entry).toMatchObject({ identifiers: [2], retain: false });
  });

  it("keeps QoS 2 that may have been sent with its member, and gives on what was not", () => {
    const log = new SessionLog();
    members(log, ["a"]);
    log.publish("t", "sent", { qos: 2 });
    log.publish("t", "waits", { qos: 2 });
    members(log, ["b"]);
    log.disconnect("a", { sentSeq: 1 });
    expect(log.payloads("a")).toEqual(["sent"]);
    expect(log.payloads("b")).toEqual(["waits"]);
  });

  it("keeps all QoS 2 with a member whose node died, as nobody says how much it sent", () => {
    const log = new SessionLog();
    log.claim("a", {}, nodeIds[1]);
    log.subscribe("a", "$share/g/t");
    log.publish("t", "1", { qos: 2 });
    members(log, ["b"]);
    log.nodeStarted(nodeIds[1], 1);
    expect(log.payloads("a")).toEqual(["1"]);
    expect(log.payloads("b")).toEqual([]);
  });

  it("brings what waits with those who are away to a member that comes back, group by group", () => {
    const log = new SessionLog();
    members(log, ["a"], "$share/z/t");
    log.subscribe("a", "$share/g/t");
    log.disconnect("a");
    for (const payload of ["1", "2"]) log.publish("t", payload);
    expect(log.payloads("a")).toHaveLength(4);
    log.claim("b", { cleanStart: true });
    const { epoch } = log.session("b");
    const usual = { qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    log.disconnect("b");
    log.claim("b");
    for (const filter of ["$share/z/t", "$share/g/t"]) log.subscribe("b", filter, usual);
    expect(epoch).toBeGreaterThan(0);
    expect(log.payloads("a")).toEqual([]);
    expect(log.payloads("b")).toHaveLength(4);
    log.disconnect("b");
    log.claim("a");
    expect(log.payloads("a")).toHaveLength(4);
    expect(log.payloads("b")).toEqual([]);
  });

  it("loses nothing with a member whose session ends, be the others here or away", () => {
    const log = new SessionLog();
    members(log, ["a", "b"]);
    log.disconnect("b");
    for (const payload of ["1", "2"]) log.publish("t", payload);
    log.claim("a", { cleanStart: true });
    expect(log.payloads("b")).toEqual(["1", "2"]);
    log.subscribe("a", "$share/g/t");
    expect(log.payloads("a")).toEqual(["1", "2"]);
    log.disconnect("a", { expirySeconds: 1 });
    log.tick(1000);
    expect(log.replica.sessions.get("a")).toBeNull();
    expect(log.payloads("b")).toEqual(["1", "2"]);
  });

  it("does not hand on what is too old", () => {
    const log = new SessionLog();
    members(log, ["a", "b"]);
    log.disconnect("b");
    log.publish("t", "1", { properties: { messageExpiryInterval: 1 } });
    log.tick(1500);
    log.claim("a", { cleanStart: true });
    log.tick(1000);
    expect(log.payloads("b")).toEqual([]);
    expect(log.replica.sessions.messageCount).toBe(0);
  });

  it("gives the Will of one member of a dead node to one that lives", () => {
    const log = new SessionLog();
    log.claim("a", {}, nodeIds[1]);
    log.subscribe("a", "$share/g/t");
    const will = { message: willMessage("t", "will", 2), delaySeconds: 0 };
    log.claim("w", { will }, nodeIds[1]);
    // Before "w" by name, so that its connection would end behind the Will.
    log.claim("z", {}, nodeIds[1]);
    log.subscribe("z", "$share/g/t");
    log.claim("b");
    log.subscribe("b", "$share/g/t");
    log.publish("t", "1");
    log.settle("b", { completed: [...log.session("b").queue.seqs()] });
    log.nodeStarted(nodeIds[1], 1);
    expect(log.payloads("b")).toContain("will");
  });
});

function willMessage(topic: string, payload: string, qos: 0 | 1 | 2) {
  const fields = { retain: false, properties: null, receivedAtMs: 0, publisherId: "w", version: 0 };
  const wire = null;
  return { topic, payload: Buffer.from(payload), qos, ...fields, wire };
}
