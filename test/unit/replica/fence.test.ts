import { describe, expect, test } from "vitest";
import { createMessage } from "../../../src/mqtt/message.ts";
import { decodeCommand, encodeCommand } from "../../../src/replica/commands.ts";
import { Replica } from "../../../src/replica/replica.ts";
import type { ClaimResult, Command, Fence } from "../../../src/replica/replica-api.ts";

const a = "a".repeat(32);
const b = "b".repeat(32);
const writer = { put() {}, delete() {} };

function replica() {
  const subject = new Replica();
  let index = 0;
  const apply = (origin: string, command: Command): unknown =>
    subject.apply(encodeCommand(command), { index: ++index, timeMs: 1, origin }, writer);
  const claim = (origin: string): number =>
    (
      apply(origin, {
        type: "claim",
        clientId: "robot",
        cleanStart: true,
        expirySeconds: 0,
      }) as ClaimResult
    ).epoch;
  return { subject, apply, claim };
}

function write(text: string, fence: Fence): Command {
  const message = createMessage({
    topic: "t",
    payload: Buffer.from(text),
    qos: 1,
    retain: true,
    properties: null,
    receivedAtMs: 1,
    publisherId: "robot",
    version: 0,
  });
  return { type: "retain", message, updates: [], fence };
}

describe("a write of a client", () => {
  test("counts while its claim is the newest", () => {
    const { subject, apply, claim } = replica();
    apply(a, write("1", claim(a)));
    expect(subject.getRetained("t")?.payload.toString()).toBe("1");
  });

  test("that a hung node sends after the client has claimed elsewhere changes nothing", () => {
    const { subject, apply, claim } = replica();
    const old = claim(a);
    apply(b, write("2", claim(b)));
    expect(apply(a, write("1", old))).toEqual({ version: 0, isFenced: true });
    expect(subject.getRetained("t")?.payload.toString()).toBe("2");
    expect(subject.metrics().get("replica_writes_fenced")).toBe(1);
  });

  test("changes nothing after the newer claim was released, either", () => {
    const { subject, apply, claim } = replica();
    const old = claim(a);
    const epoch = claim(b);
    apply(b, write("2", epoch));
    apply(b, {
      type: "disconnect",
      clientId: "robot",
      epoch,
      expirySeconds: 0,
      isWillWanted: false,
      sentSeq: 0,
    });
    apply(a, write("1", old));
    expect(subject.getRetained("t")?.payload.toString()).toBe("2");
  });

  test("whose claim has no epoch yet counts while its node owns the client", () => {
    const { apply, claim } = replica();
    expect(apply(a, write("1", "owner"))).toMatchObject({ isFenced: true });
    claim(a);
    expect(apply(a, write("1", "owner"))).toEqual({ version: 3 });
    claim(b);
    expect(apply(a, write("1", "owner"))).toMatchObject({ isFenced: true });
  });

  test("of the broker itself is never fenced", () => {
    expect(replica().apply(a, write("1", "none"))).toEqual({ version: 1 });
  });
});

test.each<Fence>(["owner", 0, 7, 2 ** 40])("the fence %s survives encoding", (fence) => {
  expect(decodeCommand(encodeCommand(write("1", fence)))).toMatchObject({ fence });
});
