import { describe, expect, it } from "vitest";
import { message, nodeIds } from "../../support/replica-model.ts";
import { SessionLog } from "../../support/session-log.ts";

function subscribed(log: SessionLog, clientId = "c"): void {
  log.claim(clientId);
  log.subscribe(clientId, "t");
}

describe("the queue of a stored session", () => {
  it("gives out no place twice, though all before were done with when the node started anew", () => {
    const log = new SessionLog();
    subscribed(log);
    log.publish("t", "a");
    log.settle("c", { completed: [1] });
    log.publish("t", "b");
    expect(log.queue("c")).toEqual(["2=b"]);
  });

  it("gets what is published after every node has started anew, and keeps what was there before", () => {
    const log = new SessionLog();
    subscribed(log);
    log.publish("t", "before");
    // The other replica of the test starts from its disk before each of these, as all would.
    log.nodeStarted(nodeIds[0], 2);
    expect(log.session("c").isConnected).toBe(false);
    expect(log.replica.sessions.isStored("t")).toBe(true);
    log.publish("t", "after");
    expect(log.claim("c").isSessionPresent).toBe(true);
    expect(log.payloads("c")).toEqual(["before", "after"]);
  });

  it("lets go of what has expired, but not of a QoS 2 exchange that may have begun", () => {
    const log = new SessionLog();
    log.claim("c");
    log.subscribe("c", "t", { qos: 2 });
    const properties = { messageExpiryInterval: 1 };
    log.publish("t", "begun", { qos: 2, properties });
    log.publish("t", "sent at QoS 1", { qos: 1, properties });
    log.publish("t", "not sent", { qos: 2, properties });
    log.disconnect("c", { sentSeq: 2 });
    log.tick(1500);
    expect(log.payloads("c")).toEqual(["begun"]);
  });

  it("shares memory among messages while their clients are there to take them, and not with those of who is away", () => {
    const log = new SessionLog();
    subscribed(log);
    const places = () => [...log.session("c").queue.values()];
    const memory = () => places().map(({ stored }) => stored.message.payload.buffer);
    for (let count = 0; count < 100; count++) log.publish("t", `passing ${count}`);
    expect(new Set(memory()).size).toBeLessThan(10);
    log.publish("t", "x".repeat(3000));
    expect(memory().at(-1)!.byteLength).toBeLessThan(3300);
    log.disconnect("c");
    log.publish("t", "stays");
    log.publish("t", "stays, too");
    const [one, other] = memory().slice(-2);
    expect(one).not.toBe(other);
    expect(one!.byteLength).toBeLessThan(300);
    const payloads = log.payloads("c");
    expect(payloads[99]).toBe("passing 99");
    expect(payloads.slice(-2)).toEqual(["stays", "stays, too"]);
  });

  it("shares no memory for long, though its client is there and takes nothing", () => {
    const log = new SessionLog();
    for (const [clientId, topic] of [
      ["slow", "s"],
      ["fast", "f"],
    ] as const) {
      log.claim(clientId);
      log.subscribe(clientId, topic);
    }
    const properties = { correlationData: Buffer.from("which"), contentType: "text" };
    for (let count = 0; count < 50; count++) {
      log.publish("s", `stays ${count}`, { properties });
    }
    const places = () => [...log.session("slow").queue.values()];
    // A delivery that is under way has it, too.
    const handedOut = places().map(({ stored }) => stored.message);
    const before = structuredClone(handedOut.map(({ payload }) => payload.toString()));
    const buffers = () =>
      new Set(
        handedOut.flatMap(({ payload, properties: own }) => [
          payload.buffer,
          own!.correlationData!.buffer,
        ]),
      );
    const sharedSizeBytes = () =>
      [...buffers()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(buffers().size).toBeLessThan(10);
    const isLarge = () => sharedSizeBytes() > 50 * 50;
    expect(isLarge()).toBe(true);
    for (let count = 0; isLarge() && count < 3_000; count++) {
      log.publish("f", "goes".repeat(100));
      log.settle("fast", { completed: [count + 1] });
    }
    expect(isLarge()).toBe(false);
    expect(places().map(({ stored }) => stored.message)).toEqual(handedOut);
    expect(handedOut.map(({ payload }) => payload.toString())).toEqual(before);
    expect(handedOut[0]!.properties).toEqual(properties);
  });

  it("has a cursor that is bounded by what waits, however much came and went behind one message", () => {
    const log = new SessionLog();
    subscribed(log);
    log.publish("t", "stays");
    for (let count = 0; count < 300; count++) log.publish("t", "goes");
    const all = Array.from({ length: 300 }, (_, at) => at + 2);
    log.settle("c", { completed: all });
    expect(log.queue("c")).toEqual(["1=stays"]);
    expect(log.recordSizeBytes("q/")).toBeLessThan(20);
    log.settle("c", { completed: [1] });
    expect(log.session("c").floor).toBe(301);
  });

  it("forgets nothing that waits between places that are done with", () => {
    const log = new SessionLog();
    subscribed(log);
    for (const payload of "abcdefg") log.publish("t", payload);
    log.settle("c", { completed: [2, 3, 5, 7] });
    log.settle("c", { received: [4] });
    expect(log.queue("c")).toEqual(["1=a", "4=d", "6=f"]);
    log.settle("c", { completed: [1, 4] });
    expect(log.queue("c")).toEqual(["6=f"]);
    expect([...log.session("c").received]).toEqual([]);
  });

  it("keeps room for what is published, however many retained messages a SUBSCRIBE brought", () => {
    const log = new SessionLog({ queuedMessagesMax: 3 });
    for (const topic of ["r/1", "r/2", "r/3", "r/4", "r/5"]) {
      log.publish(topic, topic, { retain: true });
    }
    log.claim("c");
    log.subscribe("c", "#");
    expect(log.payloads("c")).toEqual(["r/1", "r/2", "r/3", "r/4", "r/5"]);
    for (const payload of ["a", "b", "c", "d"]) log.publish("t", payload);
    expect(log.payloads("c").slice(5)).toEqual(["a", "b", "c"]);
    expect(log.replica.metrics().get("replica_session_messages_dropped_full")).toBe(1);
  });

  it("is not filled without end by asking for the retained messages again and again", () => {
    const log = new SessionLog({ queuedMessagesMax: 3 });
    for (const topic of ["r/1", "r/2"]) log.publish(topic, topic, { retain: true });
    log.claim("c");
    for (let count = 0; count < 10; count++) log.subscribe("c", "#");
    expect(log.queue("c")).toHaveLength(4);
    expect(log.replica.metrics().get("replica_session_messages_dropped_full")).toBe(16);
  });

  it("gets the message that is retained now, though one before had the same version", () => {
    const log = new SessionLog();
    log.claim("c");
    const { epoch } = log.session("c");
    const retain = (payload: string, isSameEntry: boolean) =>
      log.apply(
        { type: "retain", message: message("t", payload), updates: [] },
        nodeIds[0],
        isSameEntry,
      );
    const usual = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const subscriptions = [{ filter: "t", qos: 1, identifier: 0, ...usual } as const];
    const subscribe = { type: "subscribe", clientId: "c", epoch, subscriptions } as const;
    retain("old", false);
    log.apply(subscribe, nodeIds[0], true);
    retain("", true);
    retain("new", true);
    log.apply(subscribe, nodeIds[0], true);
    const payloads = log.payloads("c");
    expect(payloads[0]).toBe("old");
    expect(payloads.at(-1)).toBe("new");
  });

  it("says which messages an earlier connection may have sent, whatever the last one did not send", () => {
    const log = new SessionLog();
    subscribed(log);
    for (const payload of "abc") log.publish("t", payload);
    log.disconnect("c", { sentSeq: 2 });
    log.claim("c");
    log.disconnect("c", { sentSeq: 0 });
    expect(log.session("c").sentSeq).toBe(2);
  });

  it("drops what is too old at the end of the connection, keeping what the client has already", () => {
    const log = new SessionLog();
    subscribed(log);
    const properties = { messageExpiryInterval: 1 };
    log.publish("t", "had", { qos: 2, properties });
    log.publish("t", "late", { properties });
    log.publish("t", "stays");
    log.settle("c", { received: [1] });
    log.tick(2000);
    expect(log.payloads("c")).toEqual(["had", "late", "stays"]);
    log.disconnect("c");
    expect(log.payloads("c")).toEqual(["had", "stays"]);
  });

  it("drops what is older than the bound while its client is away, and nothing is left of it", () => {
    const log = new SessionLog({ storedAgeSecondsMax: 10 });
    subscribed(log);
    log.disconnect("c");
    log.publish("t", "a");
    log.tick(10_000);
    expect(log.queue("c")).toEqual([]);
    expect(log.replica.sessions.messageCount).toBe(0);
    expect(log.replica.sessions.messagesSizeBytes).toBe(0);
  });
});

describe("a QoS 2 message of a stored session", () => {
  it("is published once under its identifier until that is released", () => {
    const log = new SessionLog();
    subscribed(log);
    const publish = (payload: string) =>
      log.publish("t", payload, { qos: 2, publisherId: "c" }, { qos2PacketId: 7 });
    publish("a");
    expect(publish("a")).toMatchObject({ isRepeated: true });
    log.settle("c", { released: [7] });
    publish("b");
    expect(log.payloads("c")).toEqual(["a", "b"]);
  });

  it("that a limit kept out leaves its identifier free", () => {
    const log = new SessionLog({ retainedMax: 0 });
    subscribed(log);
    const fields = { qos: 2, publisherId: "c" } as const;
    const refused = log.publish("t", "a", { ...fields, retain: true }, { qos2PacketId: 7 });
    expect(refused).toEqual({ version: 0 });
    expect(log.payloads("c")).toEqual([]);
    const next = log.publish("t", "b", fields, { qos2PacketId: 7 });
    expect(next).not.toHaveProperty("isRepeated");
    expect(log.payloads("c")).toEqual(["b"]);
  });
});
